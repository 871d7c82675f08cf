"""Every setting with its default, in one frozen tree. Built once by `load`, then passed; never global."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from config.groups import Count, Detail, Group, Positive
from config.inboxes import DEFAULT_INBOX, Inbox, InboxSettings, InboxTable

Existing = Literal["fill", "skip", "append", "overwrite"]

DEFAULT_MODEL = "HuggingFaceTB/SmolVLM2-500M-Video-Instruct"
DEFAULT_REVISION = "7b375e1b73b11138ff12fe22c8f2822d8fe03467"


def server_address(text: str) -> str:
    """The address, unchanged. Raises ValueError if it is not one, or holds a password: addresses are shown."""
    parts = urlsplit(text)
    if parts.scheme not in ("postgresql", "postgres") or not text.startswith(f"{parts.scheme}://"):
        raise ValueError("must be an address such as postgresql://user@host/name")
    rest = f"{parts.path}?{parts.query}#{parts.fragment}"
    if parts.password is not None or "@" in rest or "password" in rest:
        raise ValueError("must not hold a password; put it in the file ~/.pgpass, readable by you alone")
    return text


class ModelSettings(Group):
    """Which model describes the files, and on which device."""

    id: str = Field(DEFAULT_MODEL, description='256m, 500m, 2.2b, a hub name, a folder with a checkpoint, or "demo".')
    revision: str = Field(DEFAULT_REVISION, description="The hub commit; only for hub names.")
    engine: Literal["auto", "torch", "mlx", "echo"] = Field("auto", description="What runs the model.")
    device: Literal["auto", "cpu", "mps", "cuda"] = Field("auto", description="The device.")
    precision: Literal["auto", "bf16", "f16", "f32", "int8", "int4"] = Field(
        "auto", description="bf16 where the device has it, else f32; fewer bits are faster and less exact."
    )
    detail: Detail = Field(
        "balanced", description="A picture's tiles: one, up to 1024 pixels, or the stock rule; see docs/use.md."
    )
    rows: Count = Field(32, description="The largest number of answers generated at once.")


class OutputSettings(Group):
    """The sidecars."""

    existing: Existing = Field("fill", description="What happens to an existing sidecar of smolwatch.")
    orphans: Literal["keep", "remove"] = Field(
        "keep", description="Sidecars without their file; remove: unedited ones are deleted after an hour."
    )
    missing: Literal["restore", "leave"] = Field(
        "restore", description="Missing sidecars; restore writes them again from the database."
    )


class DatabaseSettings(Group):
    """Where jobs, descriptions and statistics are stored."""

    url: Annotated[str, AfterValidator(server_address)] | None = Field(
        None, description="A PostgreSQL database (postgresql://user@host/name); by default a file in the home."
    )


class WorkSettings(Group):
    """How jobs are run, and their limits."""

    max_attempts: Count = Field(3, description="A file fails for good after this many attempts.")
    lease_seconds: Positive = Field(60.0, description="A worker without a heartbeat for so long loses its job.")
    beat_seconds: Positive = Field(10.0, description="Seconds between two heartbeats of a worker.")
    stop_seconds: Positive = Field(12.0, description="How long a running job may take to finish at a stop.")
    decode_seconds: Positive = Field(60.0, description="The time limit for opening and decoding a file.")
    stall_seconds: Positive = Field(
        120.0,
        description="A worker whose model makes no progress for so long is killed; five times it while loading.",
    )
    idle_minutes: Annotated[float, Field(ge=0)] = Field(
        10.0, description="The model is unloaded after so many minutes without work; 0: at once, inf: never."
    )
    growth_bytes: Count = Field(1024**3, description="A worker whose memory has grown by more is replaced.")
    keep_free_bytes: Annotated[int, Field(ge=0)] = Field(
        200_000_000, description="No new work starts while less is free on the database's disk."
    )
    power: Literal["polite", "ignore"] = Field(
        "polite", description="polite: slower on battery, paused in Low Power Mode and heat; ignore: full speed."
    )
    max_file_bytes: Count = Field(20 * 1024**3, description="Larger files are refused.")


class FetchSettings(Group):
    """What `smolwatch add` may download."""

    private_addresses: bool = Field(False, description="Also addresses on this machine and in private networks.")
    max_bytes: Count = Field(50_000_000, description="Larger files are not downloaded.")


class LogSettings(Group):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Settings(Group):
    """The whole tree. `home` decides where everything else lives.

    `inbox_tables`: every [[inbox]] of the settings file; if there is none, `inbox` is the only one.
    """

    home: Path = Field(description="The folder that holds inbox, config, data and logs.")
    recipe: str = Field(
        "default", description="The questions for the model: a name from the list that `smolwatch recipes` shows."
    )
    inbox: InboxSettings = InboxSettings()
    inbox_tables: tuple[InboxTable, ...] = ()
    model: ModelSettings = ModelSettings()
    output: OutputSettings = OutputSettings()
    database: DatabaseSettings = DatabaseSettings()
    work: WorkSettings = WorkSettings()
    fetch: FetchSettings = FetchSettings()
    log: LogSettings = LogSettings()

    def with_model(self, name: str | None) -> Settings:
        """The same with this model: a short or a hub name, a folder or "demo". None: unchanged.

        An engine that needs no model gives way to the default one. The settings' revision is that of their own model.
        """
        if name is None:
            return self
        changes = {"id": name, "engine": "auto" if self.model.engine == "echo" else self.model.engine}
        if name == DEFAULT_MODEL or name != self.model.id:
            changes["revision"] = DEFAULT_REVISION
        return self.model_copy(update={"model": self.model.model_copy(update=changes)})

    @property
    def inboxes(self) -> tuple[Inbox, ...]:
        """The watched folders, at least one."""
        if not self.inbox_tables:
            return (self.complete(self.inbox, self.inbox.path or self.home / "inbox", DEFAULT_INBOX),)
        return tuple(self.complete(table, table.path, table.name or table.path.name) for table in self.inbox_tables)

    def complete(self, chosen: InboxSettings, path: Path, name: str) -> Inbox:
        """The inbox with these settings. Raises ValidationError for a name that cannot be shown."""
        return Inbox.model_validate(dict(chosen) | {"path": path, "name": name, "recipe": chosen.recipe or self.recipe})

    @property
    def inbox_path(self) -> Path:
        """The first inbox's folder: the one that gets the files of `smolwatch add`."""
        return self.inboxes[0].path

    @property
    def config_file(self) -> Path:
        return self.home / "config" / "smolwatch.toml"

    @property
    def database_file(self) -> Path:
        return self.home / "data" / "smolwatch.db"

    @property
    def database_place(self) -> Path | str:
        """The home's file, or the address of a server's database."""
        return self.database.url or self.database_file

    @property
    def sidecar_folder(self) -> Path:
        """Holds the sidecars of files in read-only folders."""
        return self.home / "data" / "sidecars"

    @property
    def device_file(self) -> Path:
        """The result of the device check: does this machine's GPU compute this model right?"""
        return self.home / "data" / "device.json"

    @property
    def mlx_file(self) -> Path:
        """The same for MLX, and the precision that was faster."""
        return self.home / "data" / "mlx.json"

    @property
    def feature_folder(self) -> Path:
        """Image features of described files, which can be deleted at any time."""
        return self.home / "data" / "features"

    @property
    def lock_file(self) -> Path:
        return self.home / "data" / "smolwatch.lock"

    @property
    def evaluation_lock_file(self) -> Path:
        """Held while an evaluation uses the device."""
        return self.home / "data" / "evaluation.lock"

    @property
    def log_folder(self) -> Path:
        return self.home / "logs"

"""Every choice there is, with its default, in one frozen tree. Built once by `load`, then passed; never global."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Detail = Literal["fast", "balanced", "full"]
Existing = Literal["fill", "skip", "append", "overwrite"]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]

DEFAULT_MODEL = "HuggingFaceTB/SmolVLM2-500M-Video-Instruct"
DEFAULT_REVISION = "7b375e1b73b11138ff12fe22c8f2822d8fe03467"


def server_address(text: str) -> str:
    """The address as it is. Raises ValueError for what is none, and for one with a password: addresses are shown."""
    parts = urlsplit(text)
    if parts.scheme not in ("postgresql", "postgres") or not text.startswith(f"{parts.scheme}://"):
        raise ValueError("should be an address such as postgresql://user@host/name")
    rest = f"{parts.path}?{parts.query}#{parts.fragment}"
    if parts.password is not None or "@" in rest or "password" in rest:
        raise ValueError("should hold no password; that belongs into the file ~/.pgpass, for your eyes only")
    return text


class Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InboxSettings(Group):
    """What is watched, and when a file counts as finished."""

    path: Path | None = Field(None, description="The watched folder; the home's own inbox unless set.")
    settle_seconds: Positive = Field(5.0, description="A file is taken when size and time have been still this long.")
    observer: Literal["auto", "native", "poll"] = Field(
        "auto", description="How changes are heard; poll lists the inbox often instead. auto polls network volumes."
    )
    sweep_seconds: Positive = Field(300.0, description="The whole inbox is listed this often.")
    ignore: tuple[str, ...] = Field(
        (), description="More file names (globs) that are not taken; with ! in front, names that are."
    )
    ignore_folders: tuple[str, ...] = Field(
        (), description="More folder names (globs) that are not entered; with ! in front, names that are."
    )
    hidden: bool = Field(False, description="Also hidden files and folders, whose names begin with a dot.")


class ModelSettings(Group):
    """Which model answers, and on what."""

    id: str = Field(DEFAULT_MODEL, description='A hub name, a folder with a checkpoint, or "demo".')
    revision: str = Field(DEFAULT_REVISION, description="The hub commit; only for hub names.")
    engine: Literal["auto", "torch", "echo"] = Field("auto", description="What runs the model.")
    device: Literal["auto", "cpu", "mps", "cuda"] = Field("auto", description="Where it runs.")
    precision: Literal["auto", "bf16", "f32", "int8"] = Field(
        "auto", description="bf16 where the device has it, else f32; int8 is faster and less exact."
    )
    detail: Detail = Field(
        "balanced", description="A picture's tiles: one, up to 1024 pixels, or the stock rule; see docs/use.md."
    )
    rows: Count = Field(32, description="How many answers are written at once.")


class OutputSettings(Group):
    """What is written beside the files."""

    existing: Existing = Field("fill", description="What becomes of a sidecar of ours that stands there already.")
    orphans: Literal["keep", "remove"] = Field(
        "keep", description="Sidecars whose file is gone; remove: unchanged ones are deleted after an hour."
    )
    missing: Literal["restore", "leave"] = Field(
        "restore", description="Sidecars that are missing: restore writes them again from the database."
    )


class DatabaseSettings(Group):
    """Where the books are kept."""

    url: Annotated[str, AfterValidator(server_address)] | None = Field(
        None, description="A PostgreSQL database (postgresql://user@host/name); the home's own file unless set."
    )


class WorkSettings(Group):
    """How jobs are tried, and for how long."""

    max_attempts: Count = Field(3, description="A file that fails this often is given up until retried by hand.")
    lease_seconds: Positive = Field(60.0, description="A silent worker's job is taken back after this long.")
    beat_seconds: Positive = Field(10.0, description="How often a worker says that it is alive.")
    stop_seconds: Positive = Field(12.0, description="How long a job under way may take to finish when stopping.")
    decode_seconds: Positive = Field(60.0, description="A file that takes longer to open is given up.")
    stall_seconds: Positive = Field(
        120.0,
        description="A worker whose model gets no further for this long is ended; loading may take five times it.",
    )
    idle_minutes: Annotated[float, Field(ge=0)] = Field(
        10.0, description="The model is unloaded after so many minutes without work; 0: at once, inf: never."
    )
    growth_bytes: Count = Field(1024**3, description="A worker whose memory has grown by more is renewed.")
    keep_free_bytes: Annotated[int, Field(ge=0)] = Field(
        200_000_000, description="While less is free on the database's disk, nothing new is begun."
    )
    power: Literal["polite", "ignore"] = Field(
        "polite", description="polite: slow on battery, paused in Low Power Mode and heat; ignore: never."
    )
    max_file_bytes: Count = Field(20 * 1024**3, description="Larger files are refused.")


class FetchSettings(Group):
    """What `smolwatch add` may fetch."""

    private_addresses: bool = Field(False, description="Also from this machine and private networks.")
    max_bytes: Count = Field(50_000_000, description="Larger files are not fetched.")


class LogSettings(Group):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Settings(Group):
    """The whole tree. `home` decides where everything else lives."""

    home: Path = Field(description="The folder that holds inbox, config, data and logs.")
    recipe: str = Field(
        "default", description="Which questions are asked: default (caption and summary) or brief (a caption alone)."
    )
    inbox: InboxSettings = InboxSettings()
    model: ModelSettings = ModelSettings()
    output: OutputSettings = OutputSettings()
    database: DatabaseSettings = DatabaseSettings()
    work: WorkSettings = WorkSettings()
    fetch: FetchSettings = FetchSettings()
    log: LogSettings = LogSettings()

    @property
    def inbox_path(self) -> Path:
        return self.inbox.path or self.home / "inbox"

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
        """Stands in for folders that cannot be written."""
        return self.home / "data" / "sidecars"

    @property
    def device_file(self) -> Path:
        """Whether this machine's GPU computes this model right."""
        return self.home / "data" / "device.json"

    @property
    def lock_file(self) -> Path:
        return self.home / "data" / "smolwatch.lock"

    @property
    def log_folder(self) -> Path:
        return self.home / "logs"

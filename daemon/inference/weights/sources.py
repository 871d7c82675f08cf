"""Where weights come from: a folder, the demo model in this package, or the hub's cache, which `pull` fills."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from config.errors import ModelUnavailableError, SmolwatchError
from config.settings import DEFAULT_MODEL, DEFAULT_REVISION, Settings
from daemon.inference.smolvlm.checkpoint import missing_files

DEMO = Path(__file__).parents[1] / "demo_model" / "checkpoint"
DEMO_ID, DEMO_REVISION = "smolwatch-demo", "1"
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w.-]+")
#: The size of the default model's download, shown before it starts.
DEFAULT_BYTES = 2_034_000_000
SAMPLE_BYTES = 65_536


@dataclass(frozen=True)
class ModelFolder:
    """A complete checkpoint on this machine."""

    path: Path
    id: str
    revision: str

    @property
    def bytes(self) -> int:
        """The size of its weights."""
        return sum(file.stat().st_size for file in self.path.glob("*.safetensors"))


@dataclass(frozen=True)
class ListedModel:
    """A model that settings can name as `name`; `problem`: why it is not on this machine, and what to do."""

    name: str
    id: str
    revision: str
    chosen: bool
    here: ModelFolder | None
    problem: str = ""


def find_model(settings: Settings) -> ModelFolder:
    """The chosen model's folder, without any network access. Raises ModelUnavailableError with advice."""
    return find(settings.model.id, settings.model.revision)


def find(name: str, revision: str) -> ModelFolder:
    folder, (identity, version) = local_folder(name), identity_of(name, revision)
    if folder is None:
        return ModelFolder(cached_folder(name, revision), identity, version)
    missing = missing_files(folder)
    if missing:
        advice = "Reinstall smolwatch." if name == "demo" else "Set model.id to a folder with a complete checkpoint."
        raise ModelUnavailableError(f"{folder} lacks {', '.join(missing)}.", advice=advice)
    return ModelFolder(folder, identity, version)


def list_models(settings: Settings) -> list[ListedModel]:
    """The chosen model, the default one and the demo, each once."""
    names = {settings.model.id: settings.model.revision}
    for name, revision in ((DEFAULT_MODEL, DEFAULT_REVISION), ("demo", DEMO_REVISION)):
        names.setdefault(name, revision)
    return [listed(name, revision, chosen=name == settings.model.id) for name, revision in names.items()]


def listed(name: str, revision: str, *, chosen: bool) -> ListedModel:
    identity, version = identity_of(name, revision)
    try:
        return ListedModel(name, identity, version, chosen, find(name, revision))
    except ModelUnavailableError as error:
        return ListedModel(name, identity, version, chosen, None, f"{error} {error.advice}")


def pull(settings: Settings, on_progress: Callable[[int, int], None]) -> ModelFolder:
    """Download the chosen model into the hub's cache, resuming an interrupted download.

    `on_progress` gets the bytes so far and the total. Raises ModelUnavailableError with advice.
    """
    name, revision = settings.model.id, settings.model.revision
    if local_folder(name) is None:
        from daemon.inference.weights.hub import download

        download(name, revision, on_progress)
    return find(name, revision)


def write_random(folder: Path, seed: int = 0) -> None:
    """Make a checkpoint of the 500M model's full size with random weights (1 GB, bf16): as fast, without meaning.

    Raises SmolwatchError if `folder` has weights already.
    """
    if any(folder.glob("*.safetensors")):
        raise SmolwatchError(f"{folder} already has weights.", advice="Choose another folder.")
    from daemon.inference.weights.random import write

    write(folder, seed)


def local_folder(name: str) -> Path | None:
    """The folder of a model's name; None for a name on the hub."""
    if name == "demo":
        return DEMO
    folder = Path(name).expanduser()
    return folder if folder.is_dir() or not HUB_NAME.fullmatch(name) else None


def identity_of(name: str, revision: str) -> tuple[str, str]:
    """The model's id and revision in descriptions. A folder's are its name and a digest of its content."""
    if name == "demo":
        return DEMO_ID, DEMO_REVISION
    folder = local_folder(name)
    if folder is None:
        return name, revision
    return folder.absolute().name, "absent" if missing_files(folder) else digest_of(folder)


def digest_of(folder: Path) -> str:
    """Identifies a checkpoint by its configuration, and by the sizes of its weights with samples of each."""
    digest = hashlib.blake2b((folder / "config.json").read_bytes(), digest_size=6)
    for file in sorted(folder.glob("*.safetensors")):
        size = file.stat().st_size
        digest.update(f"{file.name} {size}".encode())
        with file.open("rb") as opened:
            for place in (0, size // 2, max(size - SAMPLE_BYTES, 0)):
                opened.seek(place)
                digest.update(opened.read(SAMPLE_BYTES))
    return digest.hexdigest()


def cached_folder(name: str, revision: str) -> Path:
    """The hub cache's folder of that revision; raises ModelUnavailableError unless it is complete."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(name, "config.json", revision=revision)
    if not isinstance(config, str):
        raise ModelUnavailableError(f"The weights of {name} are not on this machine.")
    missing = missing_files(Path(config).parent)
    if missing:
        raise ModelUnavailableError(f"The download of {name} is not complete: {', '.join(missing)} is missing.")
    return Path(config).parent

"""The sources of weights: a folder, the demo model in this package, or the hub's cache, which `pull` fills."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from config.errors import ModelUnavailableError, SmolwatchError, UnknownModelError
from config.settings import DEFAULT_MODEL, DEFAULT_REVISION, Settings
from daemon.inference.smolvlm.checkpoint import missing_files
from daemon.inference.weights.published_models import PUBLISHED, PublishedModel, hub_place, published
from daemon.inference.weights.safetensors_header import stored_tensors

DEMO = Path(__file__).parents[1] / "demo_model" / "checkpoint"
DEMO_ID, DEMO_REVISION = "smolwatch-demo", "2"
ECHO_ID, ECHO_REVISION = "echo", "1"
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w.-]+")
SAMPLE = 65_536
#: Of each tensor's beginning, middle and end. What changes weights, such as training, changes whole tensors.
TENSOR_SAMPLE = 1024


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

    @property
    def digest(self) -> str:
        """Of the configuration and of samples from every tensor. Raises ModelUnavailableError for damaged weights."""
        return weights_digest(self.path)


@dataclass(frozen=True)
class ListedModel:
    """A model that settings may name as `name`. If it is not here, `problem` is why, and `advice` what to do.

    `published`: what is known of it before it is here.
    """

    name: str
    id: str
    revision: str
    chosen: bool
    here: ModelFolder | None
    state: str
    problem: str = ""
    advice: str = ""
    published: PublishedModel | None = None


def find_model(settings: Settings) -> ModelFolder:
    """The chosen model's folder, without network access. Raises ModelUnavailableError with advice."""
    return find(settings.model.id, settings.model.revision)


def find(name: str, revision: str) -> ModelFolder:
    folder, (identity, version) = local_folder(name), identity_of(name, revision)
    if folder is None:
        return ModelFolder(cached_folder(identity, version), identity, version)
    if not folder.is_dir():
        raise UnknownModelError(f"{unknown(name, folder)}{suggestion(name)}")
    missing = missing_files(folder)
    if missing:
        advice = "Reinstall smolwatch." if name == "demo" else "Set model.id to a folder with a whole checkpoint."
        raise ModelUnavailableError(f"{folder} lacks {', '.join(missing)}.", advice=advice)
    return ModelFolder(folder, identity, version)


def unknown(name: str, folder: Path) -> str:
    """Why `name` cannot be a model, in a sentence."""
    if folder.exists():
        return f"{name} is not a folder."
    is_path = "/" in name or name.startswith(("~", "."))
    return f"There is no folder {name}." if is_path else f'There is no model "{name}".'


def suggestion(name: str) -> str:
    """ " Did you mean …?" with the nearest of the published models and those that are here; empty when none is near."""
    if published(name):
        return ""
    known = {"demo", *(word for model in PUBLISHED for word in (model.short, model.repository)), *cached_models()}
    near = difflib.get_close_matches(name, known - {name}, n=1)
    return f" Did you mean {near[0]}?" if near else ""


def pull_command(name: str) -> str:
    """The command that fetches a hub model, whether the settings or a flag chose it."""
    model = published(name)
    return "smolwatch model pull" if name == DEFAULT_MODEL else f"smolwatch model pull {model.short if model else name}"


def list_models(settings: Settings) -> list[ListedModel]:
    """The chosen model, the published ones by size, and the demo model, each once."""
    chosen, revision = settings.model.id, settings.model.revision
    chosen_model = published(chosen) if local_folder(chosen) is None else None
    others = [
        listed(model.repository, revision if model is chosen_model else DEFAULT_REVISION, chosen=model is chosen_model)
        for model in PUBLISHED
    ]
    others.append(listed("demo", DEMO_REVISION, chosen=chosen == "demo"))
    return others if any(model.chosen for model in others) else [listed(chosen, revision, chosen=True), *others]


def listed(name: str, revision: str, *, chosen: bool) -> ListedModel:
    (identity, version), is_hub = identity_of(name, revision), local_folder(name) is None
    model = published(name) if is_hub else None
    try:
        here = find(name, revision)
    except ModelUnavailableError as error:
        unknown = "not found" if isinstance(error, UnknownModelError) else "not complete"
        state = "not downloaded" if is_hub else unknown
        return ListedModel(name, identity, version, chosen, None, state, str(error), error.advice, model)
    state = "part of smolwatch" if name == "demo" else "downloaded" if is_hub else "folder"
    return ListedModel(name, identity, version, chosen, here, state, published=model)


def pull(settings: Settings, on_progress: Callable[[int, int], None]) -> ModelFolder:
    """Download the chosen model into the hub's cache, resuming an interrupted download.

    `on_progress` gets the bytes downloaded and the total. Raises ModelUnavailableError with advice.
    """
    name, revision = settings.model.id, settings.model.revision
    if local_folder(name) is None:
        from daemon.inference.weights.hub import fetch

        fetch(*identity_of(name, revision), on_progress, again=pull_command(name))
    return find(name, revision)


def write_random(folder: Path, seed: int = 0) -> None:
    """Write a checkpoint of the 500M model's size with random weights (1 GB, bf16): same speed, meaningless answers.

    Raises SmolwatchError if `folder` holds weights already.
    """
    if any(folder.glob("*.safetensors")):
        raise SmolwatchError(f"{folder} holds weights already.", advice="Choose another folder.")
    from daemon.inference.weights.random import write

    write(folder, seed)


def absolute_name(name: str) -> str:
    """The name of the same model from any current folder: a folder becomes an absolute path."""
    folder = local_folder(name)
    return name if folder is None or name == "demo" else str(folder.absolute())


def local_folder(name: str) -> Path | None:
    """The folder of a model's name; None for a name on the hub, which a short name stands for."""
    if name == "demo":
        return DEMO
    folder, model = Path(name).expanduser(), published(name)
    is_short = model is not None and name != model.repository
    return None if is_short or (HUB_NAME.fullmatch(name) and not folder.is_dir()) else folder


def identity_of(name: str, revision: str) -> tuple[str, str]:
    """The model's id and revision in a description. For a folder: its name, and a digest of its content."""
    if name == "demo":
        return DEMO_ID, DEMO_REVISION
    folder = local_folder(name)
    if folder is None:
        return hub_place(name, revision)
    return folder.absolute().name, "absent" if missing_files(folder) else digest_of(folder)


def digest_of(folder: Path) -> str:
    """A digest of a checkpoint: its configuration, and the sizes of its weights with samples from each file."""
    digest = hashlib.blake2b((folder / "config.json").read_bytes(), digest_size=6)
    for file in sorted(folder.glob("*.safetensors")):
        size = file.stat().st_size
        digest.update(f"{file.name} {size}".encode())
        with file.open("rb") as opened:
            for place in (0, size // 2, max(size - SAMPLE, 0)):
                opened.seek(place)
                digest.update(opened.read(SAMPLE))
    return digest.hexdigest()


def weights_digest(folder: Path) -> str:
    """A digest that also differs where a single tensor does; see `ModelFolder.digest`."""
    digest = hashlib.blake2b((folder / "config.json").read_bytes(), digest_size=6)
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as opened:
            for tensor in sorted(stored_tensors(file), key=lambda tensor: tensor.start):
                digest.update(f"{tensor.name} {tensor.dtype} {tensor.shape}".encode())
                for place in (tensor.start, (tensor.start + tensor.end) // 2, tensor.end - TENSOR_SAMPLE):
                    start = max(place, tensor.start)
                    opened.seek(start)
                    digest.update(opened.read(min(TENSOR_SAMPLE, tensor.end - start)))
    return digest.hexdigest()


def cached_models() -> list[str]:
    """Names of the models with a complete revision in the hub's cache."""
    from huggingface_hub import constants

    return [
        folder.name.removeprefix("models--").replace("--", "/", 1)
        for folder in Path(constants.HF_HUB_CACHE).glob("models--*--*")
        if any(not missing_files(snapshot) for snapshot in folder.glob("snapshots/*"))
    ]


def cached_folder(name: str, revision: str) -> Path:
    """The hub cache's folder of that revision. Raises ModelUnavailableError if it is not complete."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(name, "config.json", revision=revision)
    if not isinstance(config, str):
        raise ModelUnavailableError(
            f"The weights of {name} are not on this machine.{suggestion(name)}",
            advice=f"Fetch them with: {pull_command(name)}",
        )
    missing = missing_files(Path(config).parent)
    if missing:
        raise ModelUnavailableError(
            f"The download of {name} is not complete: {', '.join(missing)} is missing.",
            advice=f"Resume it with: {pull_command(name)}",
        )
    return Path(config).parent

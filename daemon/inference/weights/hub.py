"""Downloads a checkpoint from the hub into the hub's own cache, file by file, checked and resumable.

The library discards an interrupted download, so large files are kept as `.part` until they are complete.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_download, hf_hub_url
from huggingface_hub.file_download import http_get, repo_folder_name
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils.tqdm import disable_progress_bars

from config.errors import ModelUnavailableError
from config.settings import DEFAULT_MODEL, DEFAULT_REVISION

FILE_PATTERNS = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*.safetensors",
)
#: Digests of the published files, so that only these are accepted.
PINNED = {
    (DEFAULT_MODEL, DEFAULT_REVISION, "model.safetensors"): (
        "b9bfd456c9472c0acd5719d6e514c4b859891af205ee1a736552fd3497b8b0c3"
    ),
}


Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class RemoteFile:
    """A file of the checkpoint; only large ones have a `sha256`."""

    name: str
    size: int
    sha256: str | None


class ProgressBar:
    """A progress bar for the hub's library that reports the bytes so far and the total."""

    def __init__(self, on_progress: Progress, total: int) -> None:
        self._on_progress, self._total = on_progress, total
        self._received = 0

    def __call__(self, **_: object) -> ProgressBar:
        """The library makes a new bar for each file; this one continues."""
        return self

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close: the caller draws it."""

    def update(self, count: float | None = 1) -> None:
        self._received += int(count or 0)
        self._on_progress(min(self._received, self._total), self._total)


def download(name: str, revision: str, on_progress: Progress) -> None:
    """Download a checkpoint into the cache; raises ModelUnavailableError if that fails or a file is damaged."""
    disable_progress_bars()
    try:
        files = list_files(name, revision)
        bar = ProgressBar(on_progress, sum(file.size for file in files))
        for file in files:
            if file.sha256 is None:
                bar.update(file.size)
            else:
                download_large(name, revision, file, bar)
            hf_hub_download(name, file.name, revision=revision)
    except ModelUnavailableError:
        raise
    except Exception as error:  # the hub's library and those below it raise errors of many types
        raise ModelUnavailableError(
            f"{name} could not be downloaded: {str(error).strip().partition(chr(10))[0] or type(error).__name__}",
            advice="Check your internet connection and run `smolwatch model pull` again; it resumes.",
        ) from error


def list_files(name: str, revision: str) -> list[RemoteFile]:
    """The files of the checkpoint, small ones first; raises ModelUnavailableError unless they are the pinned ones."""
    listed = [entry for entry in HfApi().list_repo_tree(name, revision=revision) if isinstance(entry, RepoFile)]
    files = [
        RemoteFile(entry.path, entry.size, entry.lfs.sha256 if entry.lfs else None)
        for entry in listed
        if any(fnmatch(entry.path, pattern) for pattern in FILE_PATTERNS)
    ]
    for file in files:
        pinned = PINNED.get((name, revision, file.name))
        if pinned is not None and file.sha256 != pinned:
            raise ModelUnavailableError(
                f"The hub's {file.name} of {name} is not the published one: nothing was downloaded."
            )
    return sorted(files, key=lambda file: file.size)


def download_large(name: str, revision: str, file: RemoteFile, bar: ProgressBar) -> None:
    """Put a large file where the library expects it, resuming an interrupted download."""
    blob = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=name, repo_type="model"), "blobs", str(file.sha256))
    if blob.exists():
        bar.update(file.size)
        return
    blob.parent.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(f"{blob.name}.part")
    with part.open("ab") as opened:
        received = opened.tell()
        bar.update(received)
        if received < file.size:
            http_get(
                hf_hub_url(name, file.name, revision=revision),
                opened,
                resume_size=received,
                headers=build_hf_headers(),
                expected_size=file.size,
                tqdm_class=bar,  # type: ignore[arg-type]  # called like a class, to make a bar
            )
    with part.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != file.sha256:
        part.unlink()
        raise ModelUnavailableError(
            f"{file.name} was damaged in the download and was removed.", advice="Download it again."
        )
    part.rename(blob)

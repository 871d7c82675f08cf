"""Resumable, verified download of a checkpoint from the hub into the hub's own cache.

The library discards an interrupted download, so big files are kept here as `.part` until they are complete.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import HfApi, constants, errors, hf_hub_download, hf_hub_url
from huggingface_hub.file_download import http_get, repo_folder_name
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._http import get_session
from huggingface_hub.utils.logging import set_verbosity
from huggingface_hub.utils.tqdm import disable_progress_bars

from config.errors import ModelUnavailableError
from daemon.inference.weights.published_models import pinned_sha256

CHECKPOINT = (
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
#: For the first answer of the hub.
CONNECT_SECONDS = 10.0
NOISE = re.compile(r"^\[Errno -?\d+\] |(?:\s+for url:?)?\s*[<'(]?https?://[^\s>')]+[>')]?")

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class RemoteFile:
    """A file of the checkpoint; only big ones have a `sha256`."""

    name: str
    size: int
    sha256: str | None


class Bar:
    """Stands in for the library's progress bar, and reports the bytes downloaded and the total."""

    def __init__(self, on_progress: Progress, total: int) -> None:
        self._on_progress, self._total = on_progress, total
        self._done = 0

    def __call__(self, **_: object) -> Bar:
        """The library creates a bar for each file; this one counts over all files."""
        return self

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def update(self, count: float | None = 1) -> None:
        self._done += int(count or 0)
        self._on_progress(min(self._done, self._total), self._total)


def fetch(name: str, revision: str, on_progress: Progress, *, again: str) -> None:
    """Download a checkpoint into the cache. `again` is the command that resumes it, for the advice.

    Raises ModelUnavailableError when it cannot be downloaded or arrives damaged.
    """
    disable_progress_bars()
    set_verbosity(logging.CRITICAL)  # else each retry is a line with its URL on the terminal
    try:
        check_connection()
        files = checkpoint_files(name, revision)
        bar = Bar(on_progress, sum(file.size for file in files))
        for file in files:
            if file.sha256 is None:
                bar.update(file.size)
            else:
                fetch_big(name, revision, file, bar)
            hf_hub_download(name, file.name, revision=revision)
    except ModelUnavailableError:
        raise
    except Exception as error:  # the hub's library and those below it each raise errors of their own
        raise explained(error, name, revision, again) from error


def check_connection() -> None:
    """Raises ConnectionError at once; the library's own requests retry for half a minute first."""
    try:
        get_session().head(constants.ENDPOINT, timeout=CONNECT_SECONDS)
    except errors.OfflineModeIsEnabled:
        raise
    except Exception as error:  # of httpx, which is not imported here
        raise ConnectionError(reason_of(error)) from error


def explained(error: Exception, name: str, revision: str, again: str) -> ModelUnavailableError:
    """The same for people, without the library's URLs."""
    resume = f"run `{again}` again; it resumes."
    match error:
        case errors.OfflineModeIsEnabled():
            text, advice = f"{name} cannot be downloaded: HF_HUB_OFFLINE is set.", f"Unset it, then {resume}"
        case errors.GatedRepoError():
            text = f"{name} is open only to accounts that have accepted its terms on huggingface.co."
            advice = f"Accept them there, log in with `hf auth login`, then {resume}"
        case errors.RepositoryNotFoundError():
            text = f"The Hugging Face hub has no model {name}, or it is private."
            advice = "Check the name in model.id or --model."
        case errors.RevisionNotFoundError():
            text = f"The Hugging Face hub has no revision {revision} of {name}."
            advice = "Check model.revision: each model has revisions of its own."
        case OSError(errno=errno.ENOSPC):
            text = f"There is no space left on the disk of {constants.HF_HUB_CACHE}."
            advice = f"Make room, or set HF_HOME to a folder on another disk; then {resume}"
        case ConnectionError():
            text = f"The Hugging Face hub cannot be reached ({error})."
            advice = f"Check your internet connection and {resume}"
        case _:
            text = f"{name} could not be downloaded: {reason_of(error)}"
            advice = f"Check your internet connection and {resume}"
    return ModelUnavailableError(text, advice=advice)


def reason_of(error: Exception) -> str:
    """The first line of its message, without error numbers and URLs."""
    line = str(error).strip().partition("\n")[0]
    return NOISE.sub("", line).strip() or type(error).__name__


def checkpoint_files(name: str, revision: str) -> list[RemoteFile]:
    """The files of the checkpoint, small ones first. Raises ModelUnavailableError if one is not the pinned one."""
    listed = [entry for entry in HfApi().list_repo_tree(name, revision=revision) if isinstance(entry, RepoFile)]
    files = [
        RemoteFile(entry.path, entry.size, entry.lfs.sha256 if entry.lfs else None)
        for entry in listed
        if any(fnmatch(entry.path, pattern) for pattern in CHECKPOINT)
    ]
    for file in files:
        pinned = pinned_sha256(name, revision, file.name)
        if pinned is not None and file.sha256 != pinned:
            raise ModelUnavailableError(
                f"The hub's {file.name} of {name} is not the published one: nothing was downloaded."
            )
    return sorted(files, key=lambda file: file.size)


def fetch_big(name: str, revision: str, file: RemoteFile, bar: Bar) -> None:
    """Download a big file to the library's place in the cache, resuming from an existing `.part`."""
    blob = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=name, repo_type="model"), "blobs", str(file.sha256))
    if blob.exists():
        bar.update(file.size)
        return
    blob.parent.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(f"{blob.name}.part")
    with part.open("ab") as opened:
        start = opened.tell()
        bar.update(start)
        if start < file.size:
            http_get(
                hf_hub_url(name, file.name, revision=revision),
                opened,
                resume_size=start,
                headers=build_hf_headers(),
                expected_size=file.size,
                tqdm_class=bar,  # type: ignore[arg-type]  # called like a class, to make a bar
            )
    with part.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != file.sha256:
        part.unlink()
        raise ModelUnavailableError(f"{file.name} arrived damaged and was removed.", advice="Run the command again.")
    part.rename(blob)

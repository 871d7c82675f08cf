"""The media of a case: files beside the suite, photographs of scikit-image, and the controls made of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from daemon.evaluation.suites.suite import Case, Control, Suite
from daemon.evaluation.suites.suite_tables import PHOTOGRAPH
from daemon.media.clip import Clip

#: Of a blank picture, 0 to 255.
GREY = 128


class MediaMissingError(Exception):
    """The case cannot be tried here; the message names what it needs."""


def files_of(suite: Suite, case: Case) -> tuple[bytes, ...]:
    """Absolute paths. Raises MediaMissingError for a photograph without scikit-image."""
    return tuple(os.fsencode(os.path.realpath(path_of(suite, name))) for name in case.media)


def path_of(suite: Suite, name: str) -> Path:
    if not name.startswith(PHOTOGRAPH):
        return suite.media_folder / name
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise MediaMissingError("It needs an extra: pip install 'smolwatch[photographs]'")
    path = Path(spec.origin).parent / "data" / name.removeprefix(PHOTOGRAPH)
    if not path.is_file():
        raise MediaMissingError(f"This scikit-image has no {path.name}.")
    return path


def with_control(clips: Sequence[Clip], control: Control | None) -> tuple[Clip, ...]:
    """The clips as the control shows them: frames, or several pictures, in the reverse order; or all plain grey."""
    if control is None:
        return tuple(clips)
    if control == "blank":
        return tuple(
            replace(clip, pictures=tuple(np.full_like(picture, GREY) for picture in clip.pictures)) for clip in clips
        )
    return tuple(replace(clip, pictures=clip.pictures[::-1]) for clip in reversed(clips))

"""Opens a question's files: pictures, or one video, through the decoder process and within its limits."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from daemon.errors import MediaError, NotAllowedError
from daemon.media.clip import Clip, DecodePlan
from daemon.media.safe_open import media_error
from storage.records import Fingerprint

#: `daemon.media.decoder.decoder.Decoder.open`.
Open = Callable[[bytes, Fingerprint, DecodePlan], Clip]


def open_clips(files: Sequence[bytes], open_file: Open, plan: DecodePlan) -> tuple[Clip, ...]:
    """The files' clips, in order. Raises MediaError, which names the file."""
    clips: list[Clip] = []
    for file in files:
        try:
            clips.append(open_clip(file, open_file, plan))
            if len(files) > 1 and clips[-1].is_video:
                raise NotAllowedError("It is a video or a moving picture.", advice="Ask about one video alone.")
        except MediaError as error:
            error.args = (f"{os.fsdecode(file)}: {error}",)
            raise
    return tuple(clips)


def open_clip(file: bytes, open_file: Open, plan: DecodePlan) -> Clip:
    """Raises MediaError."""
    try:
        found = Fingerprint.of(os.lstat(file))
    except OSError as error:
        raise media_error(error) from error
    return open_file(file, found, plan)

"""Opens a question's files: pictures, or one video, through the decoder process and within its limits."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from daemon.errors import (
    DecoderBrokenError,
    DecoderMissingError,
    MediaError,
    NotAllowedError,
    NotRegularError,
    OutOfMemoryError,
    TooLargeError,
)
from daemon.media.clip import Clip, DecodePlan
from daemon.media.foreign.foreign_kinds import BLANK, KINDS, UNKNOWN
from daemon.media.safe_open import media_error
from storage.lifecycle import Cause
from storage.records import Fingerprint

#: `daemon.media.decoder.decoder.Decoder.open`.
Open = Callable[[bytes, Fingerprint, DecodePlan], Clip]
#: What is advised about the inbox's files that are neither pictures nor videos.
FOREIGN_ADVICE = {kind.advice for kind in (*KINDS.values(), UNKNOWN, BLANK)}


def open_clips(files: Sequence[bytes], open_file: Open, plan: DecodePlan) -> tuple[Clip, ...]:
    """The files' clips, in order. Raises MediaError, which names the file, with advice for who asked."""
    clips: list[Clip] = []
    for file in files:
        try:
            clips.append(open_clip(file, open_file, plan))
            if len(files) > 1 and clips[-1].is_video:
                raise NotAllowedError("It is a video or a moving picture.", advice="Ask about one video alone.")
        except MediaError as error:
            error.args, error.advice = (f"{os.fsdecode(file)}: {error}",), advice_of(error)
            raise
    return tuple(clips)


def advice_of(error: MediaError) -> str:
    """What a person can do. A file's own advice may be about the inbox, where files are tried again."""
    match error:
        case _ if error.advice in FOREIGN_ADVICE:
            return "Ask about a picture or a video. What another program shows can be saved as JPEG or PNG."
        case NotRegularError():
            return "Name the picture or the video itself."
        case DecoderMissingError() | DecoderBrokenError():
            return "`smolwatch doctor` shows the cause."
        case _ if error.advice:
            return error.advice
        case TooLargeError() | OutOfMemoryError():
            return "Ask about a smaller copy."
        case _ if error.cause is Cause.TRANSIENT:
            return "Check the file, and ask again."
        case _:
            return "Ask about an undamaged copy, or one in another format."


def open_clip(file: bytes, open_file: Open, plan: DecodePlan) -> Clip:
    """Raises MediaError."""
    try:
        found = Fingerprint.of(os.lstat(file))
    except OSError as error:
        raise media_error(error) from error
    return open_file(file, found, plan)

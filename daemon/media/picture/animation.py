"""Moving pictures (GIF, WebP, PNG, AVIF) as short clips with their own frame times."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from PIL import Image

from daemon.media.clip import Clip, DecodePlan, Pixels
from daemon.media.picture.colour_profiles import is_clear, resizable
from daemon.media.picture.orientation import BROKEN, shown_size
from daemon.media.picture.picture_conversion import as_pixels
from daemon.media.picture.stored_picture import StoredPicture
from daemon.media.sampling import chosen_indices
from storage.description import Media
from storage.records import MediaKind

#: A frame that is said to be shown no longer than this is shown for the second time instead, as browsers do.
SHORTEST, INSTEAD = 0.0101, 0.1
#: So much time goes into unpacking at most, and no more than half of what the plan allows for the whole.
DECODE_SECONDS = 20.0
#: Frame times are added up from fractions of a second.
ROUNDING = 1e-6


def read_animation(stored: StoredPicture, format: str, plan: DecodePlan) -> Clip:
    """Frames by the stock sampling rule, on the time line that the file states.

    Frames that show nothing do not count before one does. Where only one frame is left, it is a picture that stays
    still. A file that breaks off gives the frames up to there, and so does one that takes too long. But of a PNG whose
    frames are in disorder, the picture for programs that show no movement is shown, as the standard says.
    """
    standing = still(stored, format, plan) if format == "png" else None
    starts, seconds = time_line(stored.delays)
    frames: list[tuple[int, Pixels]] = []
    defects: tuple[str, ...] = ()
    try:
        for number, layer in layers(stored, sampled(starts, seconds, plan), plan):
            frames.append((number, as_pixels(layer, stored, plan.frame_edge)))
    except (*BROKEN, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        if standing is not None and (isinstance(error, SyntaxError) or not frames):
            return standing
        if not frames:
            raise
        defects = ("cut-short",)
    if not frames or frames[0][0] == len(starts) - 1:
        return still(stored, format, plan)
    width, height = shown_size(stored.size, stored.turn)
    media = Media(
        kind=MediaKind.VIDEO,
        format=format,
        width=width,
        height=height,
        seconds=round(seconds, 6),
        frame_rate=round(len(starts) / seconds, 3),
        frames_seen=len(frames),
    )
    pictures, times = tuple(pixels for _, pixels in frames), tuple(starts[number] for number, _ in frames)
    return Clip(media=media, pictures=pictures, timestamps=times, defects=defects)


def time_line(delays: Sequence[float]) -> tuple[list[float], float]:
    """When each frame begins, and when the last one ends."""
    ends = list(accumulate(INSTEAD if delay < SHORTEST else delay for delay in delays))
    return [0.0, *ends[:-1]], ends[-1]


def sampled(starts: Sequence[float], seconds: float, plan: DecodePlan) -> list[int]:
    """Which frames are looked at: by the stock rule, whose even steps are taken in time rather than in frames."""
    last = len(starts) - 1
    rate = len(starts) / seconds
    even = chosen_indices(len(starts), rate, per_second=plan.frames_per_second, max_frames=plan.max_frames)
    return sorted({bisect_right(starts, starts[last] * step / last + ROUNDING) - 1 for step in even})


def layers(stored: StoredPicture, wanted: Sequence[int], plan: DecodePlan) -> Iterator[tuple[int, Image.Image]]:
    """The frames wanted, one at a time, in a mode that can be resized; for those that show nothing, the next that does.

    One is waited for in any case: how long is for the decoder's parent to judge.
    """
    stop_at = time.monotonic() + min(DECODE_SECONDS, plan.seconds / 2)
    picture, left, shown = stored.picture, list(wanted), False
    if stored.first:
        picture.paste(0, (0, 0, *picture.size))  # moving pictures begin with nothing
    for number in range(len(stored.delays)):
        if not left or (shown and time.monotonic() > stop_at):
            return
        picture.seek(stored.first + number)
        if number < left[0]:
            continue
        layer = resizable(picture)
        if shown or not is_clear(layer):
            shown = True
            left = [later for later in left if later > number]
            yield number, layer


def still(stored: StoredPicture, format: str, plan: DecodePlan) -> Clip:
    """One picture: the frame that is unpacked last."""
    width, height = shown_size(stored.size, stored.turn)
    media = Media(kind=MediaKind.IMAGE, format=format, width=width, height=height, pages=stored.pages)
    pixels = as_pixels(resizable(stored.picture), stored, plan.image_edge)
    return Clip(media=media, pictures=(pixels,), timestamps=(), defects=stored.defects)

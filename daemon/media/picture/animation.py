"""Animations (GIF, WebP, PNG, AVIF) as short clips with their own frame timestamps."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from PIL import Image

from daemon.media.clip import Clip, DecodePlan, Pixels
from daemon.media.picture.colour_profiles import is_transparent, to_resizable
from daemon.media.picture.orientation import DECODE_ERRORS, upright_size
from daemon.media.picture.picture_conversion import to_pixels
from daemon.media.picture.stored_picture import StoredPicture
from daemon.media.sampling import frame_indices
from storage.description import Media
from storage.records import MediaKind

#: A stated delay (seconds) below the first value is replaced by the second, as in browsers.
MIN_DELAY, DEFAULT_DELAY = 0.0101, 0.1
#: Time limit for decoding; at most half of the plan's limit for the whole file.
DECODE_SECONDS = 20.0
#: Tolerance for timestamps, which are sums of fractions of a second.
ROUNDING = 1e-6


def read_animation(stored: StoredPicture, format: str, plan: DecodePlan) -> Clip:
    """Frames by the stock sampling rule, on the timeline that the file states.

    Fully transparent frames at the beginning are skipped. If only one frame remains, the result is a still picture.
    A truncated file, or one that takes too long, gives the frames up to there. For a PNG whose frames are out of
    order, the default picture is used, as the standard says.
    """
    default_picture = read_still(stored, format, plan) if format == "png" else None
    starts, seconds = timeline(stored.delays)
    frames: list[tuple[int, Pixels]] = []
    defects: tuple[str, ...] = ()
    try:
        for number, layer in decode_frames(stored, sample_frames(starts, seconds, plan), plan):
            frames.append((number, to_pixels(layer, stored, plan.frame_edge)))
    except (*DECODE_ERRORS, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        if default_picture is not None and (isinstance(error, SyntaxError) or not frames):
            return default_picture
        if not frames:
            raise
        defects = ("cut-short",)
    if not frames or frames[0][0] == len(starts) - 1:
        return read_still(stored, format, plan)
    width, height = upright_size(stored.size, stored.transpose)
    media = Media(
        kind=MediaKind.VIDEO,
        format=format,
        width=width,
        height=height,
        seconds=round(seconds, 6),
        frame_rate=round(len(starts) / seconds, 3),
        frames_seen=len(frames),
    )
    pictures, timestamps = tuple(pixels for _, pixels in frames), tuple(starts[number] for number, _ in frames)
    return Clip(media=media, pictures=pictures, timestamps=timestamps, defects=defects)


def timeline(delays: Sequence[float]) -> tuple[list[float], float]:
    """The start of each frame, and the end of the last, in seconds."""
    ends = list(accumulate(DEFAULT_DELAY if delay < MIN_DELAY else delay for delay in delays))
    return [0.0, *ends[:-1]], ends[-1]


def sample_frames(starts: Sequence[float], seconds: float, plan: DecodePlan) -> list[int]:
    """Indices of the frames to decode: the stock rule, with steps that are even in time rather than in frames."""
    last = len(starts) - 1
    rate = len(starts) / seconds
    steps = frame_indices(len(starts), rate, per_second=plan.frames_per_second, max_frames=plan.max_frames)
    return sorted({bisect_right(starts, starts[last] * step / last + ROUNDING) - 1 for step in steps})


def decode_frames(stored: StoredPicture, indices: Sequence[int], plan: DecodePlan) -> Iterator[tuple[int, Image.Image]]:
    """The frames at `indices`, in a mode that can be resized.

    Until a visible frame was found, a fully transparent one is replaced by the next visible one. The first frame has
    no time limit here; the decoder's parent enforces one.
    """
    stop_at = time.monotonic() + min(DECODE_SECONDS, plan.seconds / 2)
    picture, remaining, has_content = stored.picture, list(indices), False
    if stored.first_frame:
        picture.paste(0, (0, 0, *picture.size))  # animations start from a transparent canvas
    for number in range(len(stored.delays)):
        if not remaining or (has_content and time.monotonic() > stop_at):
            return
        picture.seek(stored.first_frame + number)
        if number < remaining[0]:
            continue
        layer = to_resizable(picture)
        if has_content or not is_transparent(layer):
            has_content = True
            remaining = [later for later in remaining if later > number]
            yield number, layer


def read_still(stored: StoredPicture, format: str, plan: DecodePlan) -> Clip:
    """One picture: the frame that was decoded last."""
    width, height = upright_size(stored.size, stored.transpose)
    media = Media(kind=MediaKind.IMAGE, format=format, width=width, height=height, pages=stored.pages)
    pixels = to_pixels(to_resizable(stored.picture), stored, plan.image_edge)
    return Clip(media=media, pictures=(pixels,), timestamps=(), defects=stored.defects)

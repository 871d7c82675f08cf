"""Which frames of a video are sampled, and the size of pictures, by the rules of the stock SmolVLM processor."""

from __future__ import annotations

import numpy as np
from PIL import Image

from daemon.media.clip import Pixels

#: Maximum length of an edge in pixels.
MAX_EDGE = 4096
#: Skipped at both ends of a video that is too long for `per_second` frames a second.
SKIP_SECONDS = 1.0
#: Frames sampled from a clip with several frames for which the stock rule takes only one.
SHORT_FRAMES = 4


def sample_indices(total_frames: int, fps: float, *, per_second: float, max_frames: int) -> list[int]:
    """Ascending frame numbers, evenly spread from the first frame to the last; at least one, at most `max_frames`.

    Source: `sample_frames` of transformers' `video_processing_smolvlm`.
    """
    seconds = total_frames / fps
    count = max(1, min(round(per_second * seconds), max_frames))
    first, last = 0, total_frames - 1
    if seconds - 2 * SKIP_SECONDS > max_frames * per_second:
        start, end = int(SKIP_SECONDS * fps), min(int(total_frames - SKIP_SECONDS * fps), last)
        if start < end:
            first, last = start, end
    return sorted({int(index) for index in np.linspace(first, last, count, dtype=int)})


def frame_indices(total_frames: int, fps: float, *, per_second: float, max_frames: int) -> list[int]:
    """The frames to decode: the stock rule, with an exception for very short clips.

    The stock rule takes one frame of a clip under 1.5 seconds, which shows no motion. Of such a clip up to
    SHORT_FRAMES are taken, evenly spread from the first frame to the last.
    """
    indices = sample_indices(total_frames, fps, per_second=per_second, max_frames=max_frames)
    if len(indices) > 1 or max_frames == 1:
        return indices
    return sorted({int(index) for index in np.linspace(0, total_frames - 1, min(SHORT_FRAMES, max_frames), dtype=int)})


def fit_edge(width: int, height: int, edge: int) -> tuple[int, int]:
    """The size (width, height) whose longest edge is `edge`; the other is in proportion, truncated, and made even.

    Source: `get_resize_output_image_size` of transformers' `image_processing_pil_smolvlm`.
    """
    ratio = width / height
    if width >= height:
        new_width, new_height = edge, int(edge / ratio)
        new_height += new_height % 2
    else:
        new_width, new_height = int(edge * ratio), edge
        new_width += new_width % 2
    new_width, new_height = max(new_width, 1), max(new_height, 1)
    if max(new_width, new_height) <= MAX_EDGE:
        return new_width, new_height
    if new_width >= new_height:
        return MAX_EDGE, max(int(MAX_EDGE / (new_width / new_height)), 1)
    return max(int(MAX_EDGE * new_width / new_height), 1), MAX_EDGE


def resize(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """The picture at exactly `size` (width, height), by LANCZOS; unchanged if it has that size already."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def shrink(pixels: Pixels, edge: int) -> Pixels:
    """The picture with its longest edge at most `edge`; a smaller one is unchanged."""
    height, width = pixels.shape[:2]
    return resize(pixels, fit_edge(width, height, edge)) if max(width, height) > edge else pixels

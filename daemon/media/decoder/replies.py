"""What the decoder process answers, believed only when it is what was asked for."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import numpy as np

from daemon.errors import (
    ChangedError,
    DecoderBrokenError,
    MediaError,
    NotAllowedError,
    NotDownloadedError,
    OutOfMemoryError,
    TooLargeError,
    UnreadableError,
)
from daemon.media.clip import Clip, DecodePlan, Pixels
from daemon.media.decoder.ipc import receive
from storage.description import Media
from storage.records import MediaKind

REFUSALS: dict[str, type[MediaError]] = {
    error.code: error
    for error in (
        ChangedError,
        DecoderBrokenError,
        NotAllowedError,
        NotDownloadedError,
        OutOfMemoryError,
        TooLargeError,
        UnreadableError,
    )
}


def clip_from(message: dict[str, Any], line: socket.socket, plan: DecodePlan, deadline: float) -> Clip:
    """The clip that was announced, its pixels read from the line. Raises ValueError when it is not what was asked."""
    media = Media(**message["media"] | {"kind": MediaKind(message["media"]["kind"])})
    video = media.kind is MediaKind.VIDEO
    shapes, timestamps = message["shapes"], tuple(float(seconds) for seconds in message["timestamps"])
    edge, most = (plan.frame_edge, plan.max_frames) if video else (plan.image_edge, 1)
    if not 1 <= len(shapes) <= most or len(timestamps) != (len(shapes) if video else 0):
        raise ValueError(f"{len(shapes)} pictures with {len(timestamps)} times")
    pictures = tuple(picture_from(shape, line, edge, deadline) for shape in shapes)
    defects = tuple(str(code) for code in message["defects"])
    return Clip(media=media, pictures=pictures, timestamps=timestamps, defects=defects)


def picture_from(shape: Sequence[int], line: socket.socket, edge: int, deadline: float) -> Pixels:
    height, width, channels = (int(size) for size in shape)
    if not (1 <= height <= edge and 1 <= width <= edge and channels == 3):
        raise ValueError(f"a picture of shape {height}×{width}×{channels}")
    content = receive(line, height * width * channels, deadline)
    return np.frombuffer(content, dtype=np.uint8).reshape(height, width, channels)


def refusal_from(message: dict[str, Any]) -> MediaError:
    kind = REFUSALS.get(str(message["error"]), UnreadableError)
    words = {key: str(message.get(key, "")) for key in ("advice", "detail")}
    return kind(str(message.get("message", "")), **words)

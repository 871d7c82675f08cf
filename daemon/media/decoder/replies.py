"""Parses and validates the replies of the decoder process, which is not trusted."""

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
from daemon.media.decoder.ipc import receive_bytes
from storage.description import Media
from storage.records import MediaKind

ERRORS: dict[str, type[MediaError]] = {
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


def parse_clip(message: dict[str, Any], connection: socket.socket, plan: DecodePlan, deadline: float) -> Clip:
    """The announced clip; its pixels are read from the connection. Raises ValueError if it does not fit the plan."""
    media = Media(**message["media"] | {"kind": MediaKind(message["media"]["kind"])})
    video = media.kind is MediaKind.VIDEO
    shapes, timestamps = message["shapes"], tuple(float(seconds) for seconds in message["timestamps"])
    edge, max_pictures = (plan.frame_edge, plan.max_frames) if video else (plan.image_edge, 1)
    if not 1 <= len(shapes) <= max_pictures or len(timestamps) != (len(shapes) if video else 0):
        raise ValueError(f"{len(shapes)} pictures with {len(timestamps)} timestamps")
    pictures = tuple(read_pixels(shape, connection, edge, deadline) for shape in shapes)
    defects = tuple(str(code) for code in message["defects"])
    return Clip(media=media, pictures=pictures, timestamps=timestamps, defects=defects)


def read_pixels(shape: Sequence[int], connection: socket.socket, edge: int, deadline: float) -> Pixels:
    height, width, channels = (int(size) for size in shape)
    if not (1 <= height <= edge and 1 <= width <= edge and channels == 3):
        raise ValueError(f"a picture of shape {height}×{width}×{channels}")
    content = receive_bytes(connection, height * width * channels, deadline)
    return np.frombuffer(content, dtype=np.uint8).reshape(height, width, channels)


def parse_error(message: dict[str, Any]) -> MediaError:
    error_type = ERRORS.get(str(message["error"]), UnreadableError)
    texts = {key: str(message.get(key, "")) for key in ("advice", "detail")}
    return error_type(str(message.get("message", "")), **texts)

"""What is logged, as a test reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from loguru import logger


@contextmanager
def logged(level: str = "INFO") -> Iterator[list[str]]:
    """The messages from this level on, without time and place, as they come."""
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(message.record["message"]), level=level, format="{message}")
    try:
        yield lines
    finally:
        logger.remove(sink)

"""Equal tiles are encoded once: a still camera's frames, a white page's corners."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from daemon.media.clip import Pixels


def deduplicate(tiles: Sequence[Pixels]) -> tuple[list[Pixels], list[int]]:
    """Tiles of one size -> the unique ones, and for every tile the index of its unique one."""
    found: dict[bytes, int] = {}
    unique: list[Pixels] = []
    indices = []
    for tile in tiles:
        key = blake2b(tile.tobytes(), digest_size=16).digest()
        if key not in found:
            found[key] = len(unique)
            unique.append(tile)
        indices.append(found[key])
    return unique, indices

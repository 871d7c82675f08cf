"""Equal tiles are encoded once: a still camera's frames, a white page's corners."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from daemon.media.clip import Pixels


def deduplicate(tiles: Sequence[Pixels]) -> tuple[dict[bytes, Pixels], list[int]]:
    """Tiles of one size -> the unique ones by the hash of their pixels, and for every tile the place of its own."""
    unique: dict[bytes, Pixels] = {}
    places: dict[bytes, int] = {}
    indices = []
    for tile in tiles:
        key = blake2b(tile.tobytes(), digest_size=16).digest()
        unique.setdefault(key, tile)
        indices.append(places.setdefault(key, len(places)))
    return unique, indices

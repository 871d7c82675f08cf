"""Tiles that are the same are looked at once: a still camera's frames, a white page's corners."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from daemon.media.clip import Pixels


def distinct(tiles: Sequence[Pixels]) -> tuple[list[Pixels], list[int]]:
    """Tiles of one size -> each different one once, and for every tile which of them it is."""
    found: dict[bytes, int] = {}
    different: list[Pixels] = []
    places = []
    for tile in tiles:
        key = blake2b(tile.tobytes(), digest_size=16).digest()
        if key not in found:
            found[key] = len(different)
            different.append(tile)
        places.append(found[key])
    return different, places

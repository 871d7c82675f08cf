"""Tiles that are the same are looked at once: a still camera's frames, a white page's corners."""

from __future__ import annotations

from hashlib import blake2b

from daemon.inference.processor import Floats


def distinct(pixels: Floats) -> tuple[list[Floats], list[int]]:
    """Tiles (tiles, 3, tile, tile) -> each different one once, and for every tile which of them it is."""
    found: dict[bytes, int] = {}
    tiles: list[Floats] = []
    places = []
    for tile in pixels:
        key = blake2b(tile.tobytes(), digest_size=16).digest()
        if key not in found:
            found[key] = len(tiles)
            tiles.append(tile)
        places.append(found[key])
    return tiles, places

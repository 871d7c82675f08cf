"""The only published speed of SmolVLM2-500M on Apple silicon with MLX, to set beside one's own. Not measured here."""

from __future__ import annotations

from collections.abc import Mapping

#: Seconds a picture, by how many were in flight.
SECONDS: Mapping[int, float] = {1: 0.173, 2: 0.127, 4: 0.117}
WHERE = "an M5 Max with MLX"
#: What differs from a run of ours: the prompt there was longer, and the answers ended by themselves.
WORK = "SmolVLM2-500M, a picture of one tile, 188 tokens in and about 50 out"
SOURCE = "https://github.com/sam-dumont/immich-video-memory-generator/pull/800"

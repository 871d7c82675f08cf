"""How much of a file an engine uses."""

from __future__ import annotations

from config.groups import Detail
from config.settings import WorkSettings
from daemon.inference.engine import EngineInfo
from daemon.media.clip import DecodePlan


def plan_for(info: EngineInfo, detail: Detail, work: WorkSettings) -> DecodePlan:
    """As much of a file as this engine uses at this detail, within the limits of the settings."""
    return DecodePlan(
        image_edge=info.image_edges[detail],
        frame_edge=info.frame_edge,
        frames_per_second=info.frames_per_second,
        max_frames=info.max_frames,
        max_bytes=work.max_file_bytes,
        seconds=work.decode_seconds,
    )

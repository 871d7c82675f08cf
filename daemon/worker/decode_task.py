"""A job put into the engine's words: how its file is opened, and what is asked about it. Pure."""

from __future__ import annotations

from config.recipes import Recipe
from config.settings import WorkSettings
from daemon.inference.engine import EngineInfo, Request
from daemon.media.clip import Clip, DecodePlan
from storage.records import Job


def plan_for(info: EngineInfo, work: WorkSettings) -> DecodePlan:
    """As much of a file as this engine looks at, within what the settings allow."""
    return DecodePlan(
        image_edge=info.image_edge,
        frame_edge=info.frame_edge,
        frames_per_second=info.frames_per_second,
        max_frames=info.max_frames,
        max_bytes=work.max_file_bytes,
        seconds=work.decode_seconds,
    )


def request_for(job: Job, clip: Clip, recipe: Recipe) -> Request:
    return Request(
        id=str(job.id),
        pictures=clip.pictures,
        questions=recipe.video if clip.is_video else recipe.image,
        timestamps=clip.timestamps if clip.is_video else (),
        seconds=(clip.media.seconds or 0.0) if clip.is_video else None,
    )

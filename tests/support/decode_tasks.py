"""Decode tasks, and their results."""

from __future__ import annotations

import numpy as np

from daemon.media.clip import Clip, DecodePlan
from daemon.worker.prefetch import DecodeTask, Opened
from storage.description import Media
from storage.records import MediaKind
from tests.support.files import claim_of

PLAN = DecodePlan(image_edge=64, frame_edge=64, frames_per_second=1.0, max_frames=4, max_bytes=10**6, seconds=9.0)


def task_of(number: int) -> DecodeTask:
    return DecodeTask(claim=claim_of(number), plan=PLAN, queued=0.0, began=0.0)


def clip_of(size: int) -> Clip:
    """A clip that takes so many bytes."""
    media = Media(kind=MediaKind.IMAGE, format="png", width=6, height=4)
    return Clip(media=media, pictures=(np.zeros(size, np.uint8),), timestamps=())


def opened(task: DecodeTask, size: int) -> Opened:
    return Opened(task=task, clip=clip_of(size), seconds=0.1)

"""Answers a question in the process that asks, with a model of its own, where no daemon runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from typing import Any

from config.settings import Settings
from daemon.asking.opening import open_clips
from daemon.asking.question import Ask
from daemon.asking.request import request_of, result_of, text_so_far
from daemon.inference.decode_plan import plan_for
from daemon.inference.engine import Engine, Reply
from daemon.inference.registry import make_engine
from daemon.inference.torch.environment import set_library_defaults
from daemon.media.dataless import forbid_downloads
from daemon.media.decoder.decoder import Decoder

REQUEST_ID = "ask"


def answer_here(
    settings: Settings,
    ask: Ask,
    show: Callable[[str], None],
    make: Callable[[Settings], Engine] = make_engine,
) -> dict[str, Any]:
    """The result, as from the daemon's worker; `show` gets the answer's text so far after each step.

    Raises ModelUnavailableError, MediaError for a file that cannot be opened, EngineError if the model fails.
    """
    set_library_defaults(os.environ)
    forbid_downloads()
    engine = make(settings)
    with closing(engine), closing(Decoder()) as decoder:
        info = engine.load()
        clips = open_clips(ask.files, decoder.open, plan_for(info, ask.detail or info.detail, settings.work))
        engine.submit(request_of(REQUEST_ID, ask, clips))
        replies: list[Reply] = []
        while not (replies := engine.step()):
            show(text_so_far(ask, engine.partial(REQUEST_ID)))
        return result_of(ask, replies[0], info)

"""The engine alone, as a program: describes every file of the home's inbox, opened beforehand; prints the seconds."""

from __future__ import annotations

import os
import time
from contextlib import closing

from config.load import load_settings
from config.recipes import load_recipe
from config.settings import Settings
from daemon.inference.engine import Engine, EngineInfo, Request
from daemon.inference.registry import make_engine
from daemon.media.decoder.decoder import Decoder
from daemon.worker.prefetch import plan_for, request_for
from storage.records import Fingerprint
from tests.support.files import claim_of


def requests_for(settings: Settings, info: EngineInfo) -> list[Request]:
    """The requests that the worker would submit."""
    plan, recipe = plan_for(info, settings.work), load_recipe(settings.recipe)
    requests = []
    with closing(Decoder()) as decoder:
        for number, file in enumerate(sorted(settings.inbox_path.iterdir())):
            clip = decoder.open(os.fsencode(file), Fingerprint.of(file.lstat()), plan)
            requests.append(request_for(claim_of(number).job, clip, recipe))
    return requests


def seconds_for(engine: Engine, requests: list[Request]) -> float:
    began = time.perf_counter()
    for request in requests:
        engine.submit(request)
    replies = 0
    while replies < len(requests):
        for reply in engine.step():
            if reply.error is not None:
                raise reply.error
            replies += 1
    return time.perf_counter() - began


if __name__ == "__main__":
    chosen = load_settings()
    model = make_engine(chosen)
    loaded = model.load()
    print(seconds_for(model, requests_for(chosen, loaded)))

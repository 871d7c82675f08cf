"""The engine alone, as a program: describes every file of the home's inbox, opened beforehand; prints the seconds."""

from __future__ import annotations

import os
import time
from contextlib import closing

from config.load import load_settings
from config.recipes import Recipe, load_recipe
from config.settings import Settings
from daemon.inference.decode_plan import plan_for
from daemon.inference.engine import Engine, EngineInfo, Request
from daemon.inference.registry import make_engine
from daemon.media.clip import Clip
from daemon.media.decoder.decoder import Decoder
from daemon.worker.describe_plan import DescribePlan
from daemon.worker.describe_session import DescribeSession, SessionResult
from storage.records import Fingerprint


def clips_for(settings: Settings, info: EngineInfo) -> list[Clip]:
    plan, files = plan_for(info, info.detail, settings.work), sorted(settings.inbox_path.iterdir())
    with closing(Decoder()) as decoder:
        return [decoder.open(os.fsencode(file), Fingerprint.of(file.lstat()), plan) for file in files]


def seconds_for(engine: Engine, clips: list[Clip], recipe: Recipe) -> float:
    """The requests are those that the worker would submit."""
    began = time.perf_counter()
    sessions: dict[str, DescribeSession] = {}

    def submit(session: DescribeSession, requests: list[Request]) -> None:
        for request in requests:
            engine.submit(request)
            sessions[request.id] = session

    for number, clip in enumerate(clips):
        session = DescribeSession(DescribePlan(str(number), recipe))
        submit(session, session.start(clip))
    while sessions:
        for reply in engine.step():
            session = sessions.pop(reply.id)
            found = session.feed(reply)
            if not isinstance(found, SessionResult):
                submit(session, found)
    return time.perf_counter() - began


if __name__ == "__main__":
    chosen = load_settings()
    model = make_engine(chosen)
    loaded = model.load()
    print(seconds_for(model, clips_for(chosen, loaded), load_recipe(chosen.recipe)))

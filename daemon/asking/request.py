"""A question as a request to the engine, and the reply as the command's result. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from config.recipes import Question
from daemon.asking.question import Ask
from daemon.inference.answers.checks import clean, judge
from daemon.inference.engine import EngineInfo, Reply, Request
from daemon.inference.sampling_params import SamplingParams
from daemon.media.clip import Clip


def request_of(request_id: str, ask: Ask, clips: Sequence[Clip]) -> Request:
    """One request; every answer is a question of its own, named by its number. It goes before all that waits."""
    names = [str(number) for number in range(ask.repeat)]
    video = next((clip for clip in clips if clip.is_video), None)
    return Request(
        id=request_id,
        pictures=tuple(picture for clip in clips for picture in clip.pictures),
        questions=tuple(Question(name=name, ask=ask.question, tokens=ask.tokens) for name in names),
        system=ask.system,
        detail=ask.detail,
        sampling=samplings_of(ask, names) if ask.temperature > 0 else {},
        timestamps=video.timestamps if video else (),
        seconds=(video.media.seconds or 0.0) if video else None,
        is_urgent=True,
    )


def samplings_of(ask: Ask, names: Sequence[str]) -> Mapping[str, SamplingParams]:
    return {
        name: SamplingParams(temperature=ask.temperature, top_p=ask.top_p, seed=ask.seed + number)
        for number, name in enumerate(names)
    }


def text_so_far(ask: Ask, partial: Mapping[str, str]) -> str:
    """The only answer as far as it is there, cleaned; several answers are shown once they are whole."""
    return clean(partial.get("0", ""), question=ask.question) if ask.repeat == 1 else ""


def result_of(ask: Ask, reply: Reply, info: EngineInfo) -> dict[str, Any]:
    """The command's result, as JSON values. Raises EngineError for a reply that is one."""
    if reply.error is not None:
        raise reply.error
    answers = [
        {
            "text": clean(answer.text, question=ask.question),
            "tokens": answer.tokens,
            "complete": answer.complete,
            "faults": list(judge(answer, ask.question)),
        }
        for answer in reply.answers.values()
    ]
    result: dict[str, Any] = {"answers": answers, "model": info.model_id, "revision": info.revision}
    result |= {"engine": info.engine, "device": info.device, "dtype": info.dtype, "detail": ask.detail or info.detail}
    if reply.figures is not None:
        figures = reply.figures
        result["stats"] = {
            "seconds": {phase: round(seconds, 3) for phase, seconds in figures.seconds.items()},
            "tokens_in": figures.tokens_in,
            "tokens_out": figures.tokens_out,
            "batch_rows": figures.batch_rows,
            "tiles_encoded": figures.tiles_encoded,
        }
    return result

"""Names that gave way to the field's terms do not come back. docs/glossary.md has the terms."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from tests.support.checkout import modules
from tests.support.identifiers import names, names_in

EXCEPTIONS: dict[tuple[str, str], str] = {
    ("daemon/evaluation/bench/results.py", "limits"): "the machine's limits, a key of the bench's JSON document",
}


@dataclass(frozen=True)
class Retired:
    """`words` are no longer names of these `kinds` (all, if none is given) below these `folders` (all, likewise)."""

    words: str
    now: str
    folders: tuple[str, ...] = ("",)
    kinds: tuple[str, ...] = ()

    def matches(self, module: str, kind: str, name: str) -> bool:
        is_here = module.startswith(self.folders) and (not self.kinds or kind in self.kinds)
        return is_here and snake_case(name) in self.words.split()


MODULE, FUNCTION = ("module",), ("function",)
INFERENCE, BATCH, TORCH = "daemon/inference/", "daemon/inference/batch", "daemon/inference/torch/"
RETIRED = (
    # daemon
    Retired("silence stall crashes trouble", "LeaseMonitor, HangDetector, CrashLoop, DatabaseHealth"),
    Retired("stage", "a message's type", ("daemon/supervision/", "daemon/worker/", "daemon/messages"), MODULE),
    # worker
    Retired(
        "engine_room pulse patience blame errand", "EngineHost, Heartbeat, RetryingStore, PoisonDetector, DecodeTask"
    ),
    Retired("turns progress asking describing ahead growth", "see docs/glossary.md", ("daemon/worker/",)),
    Retired("reading", "prefetch", ("daemon/worker/",), ("module", "class")),
    # batch
    Retired(
        "scene scenes writing writings said stem", "SequenceGroup, Sequence, output_ids, prefix_owner", (INFERENCE,)
    ),
    Retired("room row stopping loops", "capacity, slot, stop_criteria, repetition", (BATCH,)),
    Retired(
        "see open read write drop give_back", "encode_images, add, prefill, decode, free", (BATCH, TORCH), FUNCTION
    ),
    Retired("fall_back hear said", "preempt, append_token, output_ids"),
    # torch
    Retired("torch_choosing choosing decoding", "Sampler, SamplingParams", (INFERENCE,)),
    Retired("torch_cache torch_trial torch_apart trial apart", "KVCache, device_check, TilePool", (INFERENCE,)),
    Retired("shelf shelves", "Bucket"),
    Retired("stock limits libraries", "reference, roofline, environment", (INFERENCE, "daemon/evaluation/")),
    Retired("about_device about_arithmetic about_codecs about_kernels about_sandbox", "probe_…"),
    # inference
    Retired("start guard models", "factory, checks, sources", (INFERENCE,), MODULE),
    Retired("plan", "ModelSpec", (INFERENCE,)),
    Retired("underway impression readying asking_again ladder", "InFlight, ImageFeatures, PreprocessQueue, reask"),
    # intake
    Retired("standing hearing gate progress illness turned", "see docs/glossary.md", ("daemon/intake/",)),
    Retired("intake schedule", "loop, sweep_schedule", ("daemon/intake/",), MODULE),
    # media
    Retired("reel shot wire confinement preloading", "FrameSeeker, SeekedFrame, ipc, rlimits, warmup"),
    Retired("answers opening kinds frames", "replies, safe_open, sniff, sampling", ("daemon/media/",), MODULE),
    # power and service
    Retired("courtesy manners awake verbs", "Throttle, ThrottlePolicy, SleepInhibitor, actions"),
    Retired(
        "pace disk here tool definition refusal", "see docs/glossary.md", ("daemon/power/", "daemon/service/"), MODULE
    ),
    Retired("tool refusal definition", "command, StartFailure, unit_file", ("daemon/service/",)),
    # doctor, evaluation, fetching
    Retired("house whole_way", "home, end_to_end"),
    Retired("line parts child", "finding, runtime, subprocesses", ("daemon/doctor/",)),
    Retired("turns turn asking starting spread", "interleave, contestants, startup, stats", ("daemon/evaluation/",)),
    Retired("asking part answer", "transport, partial_file, response", ("daemon/fetching/",)),
    # storage
    Retired(
        "following results columns volumes",
        "relocation, descriptions, column_types, filesystems",
        ("storage/",),
        MODULE,
    ),
    Retired("known gone", "StoredAnswers.description, mark_gone", ("storage/jobs/",), FUNCTION),
    Retired("lost_claim take_up", "ClaimLostError, claim_unpublished"),
    # config and cli
    Retired("crash_point job_meant home_meant", "failpoint, resolve_job, resolve_home"),
    Retired("text reading", "safe_text, lookup", ("config/", "cli/"), MODULE),
    Retired("words", "to_json, or what the text is", kinds=FUNCTION),
)


def snake_case(name: str) -> str:
    """ "EngineRoom", "ENGINE_ROOM" and "_engine_room" are all engine_room."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().strip("_")


def retired_in(module: str) -> set[str]:
    return {name for kind, name in names(module) if any(retired.matches(module, kind, name) for retired in RETIRED)} - {
        name for path, name in EXCEPTIONS if path == module
    }


@pytest.mark.parametrize("module", modules())
def test_no_module_has_a_name_that_was_retired(module: str) -> None:
    assert retired_in(module) == set()


def test_a_retired_name_is_found_in_every_way_of_writing() -> None:
    assert {snake_case(name) for name in ("EngineRoom", "ENGINE_ROOM", "_engine_room", "engine_room")} == {
        "engine_room"
    }
    (room,) = (retired for retired in RETIRED if "engine_room" in retired.words)
    assert room.matches("daemon/app.py", "field", "_engine_room")
    assert not room.matches("daemon/app.py", "field", "engine")
    (parts,) = (retired for retired in RETIRED if "parts" in retired.words.split())
    assert parts.matches("daemon/doctor/checkup.py", "field", "parts")
    assert not parts.matches("daemon/media/sniff.py", "field", "parts")


def test_names_of_every_kind_are_found() -> None:
    code = """
class Engine:
    rows: int
    LIMIT = 3

    def step(self, tokens, *, most=None):
        self._batch = tokens
"""
    assert set(names_in(code)) == {
        ("class", "Engine"),
        ("field", "rows"),
        ("field", "LIMIT"),
        ("field", "_batch"),
        ("function", "step"),
        ("parameter", "self"),
        ("parameter", "tokens"),
        ("parameter", "most"),
    }


@pytest.mark.parametrize("place", EXCEPTIONS)
def test_every_exception_has_a_reason_and_a_module(place: tuple[str, str]) -> None:
    assert place[0] in modules()
    assert len(EXCEPTIONS[place].split()) >= 2

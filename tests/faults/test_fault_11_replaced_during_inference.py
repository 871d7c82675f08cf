"""Fault 11: other bytes take a file's place while the model looks at it. Real."""

from __future__ import annotations

import os

from daemon.inference.echo_engine import EchoEngine
from daemon.intake.admit_result import AdmitResult
from daemon.intake.admitter import Admitter
from storage.lifecycle import JobState
from storage.records import Fingerprint
from tests.fakes.engines import SlowEngine
from tests.support.files import SPEC, digest_of
from tests.support.worker_bench import ECHO, Bench
from tests.unit.daemon.conftest import PNG


def test_a_description_is_not_used_for_other_bytes_and_those_are_described(bench: Bench) -> None:
    job = bench.queue()
    path = bench.library.job(job).path
    bench.use_engine(SlowEngine(1, lambda: replace(path)))
    bench.run_rounds()
    assert bench.state(job) is JobState.GONE
    assert bench.library.description(job) is None
    assert bench.reported_paths == [path], "the path is reported to the intake"
    assert not (bench.inbox / "beach.png.smolwatch.json").exists()
    admitter = Admitter(
        bench.store, bench.library, bench.clock, spec_of=lambda _: SPEC, model=ECHO, max_attempts=3, max_bytes=10_000
    )
    assert admitter.admit_all({path: Fingerprint.of(os.lstat(path))}) == {path: AdmitResult.QUEUED}
    bench.use_engine(EchoEngine())
    bench.run_rounds()
    newest = bench.library.job_at(path)
    assert newest is not None
    assert newest.state is JobState.DONE
    description = bench.library.description(newest.id)
    assert description is not None
    assert description.digest == digest_of(PNG + b"other bytes")


def replace(path: bytes) -> None:
    with open(path + b".new", "wb") as file:  # noqa: PTH123 - a path of bytes
        file.write(PNG + b"other bytes")
    os.replace(path + b".new", path)

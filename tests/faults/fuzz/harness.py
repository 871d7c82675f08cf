"""Puts many files through one decoder as the worker does, and keeps count of what becomes of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from daemon import errors
from daemon.errors import MediaError
from daemon.media import decoder_process
from daemon.media.decoder import Decoder
from tests.fakes.decoding import opened
from tests.unit.media.reading import plan

#: What one file may take before its process is killed; the size adds up to as much again.
SECONDS = 10.0
#: For everything but the decoding, on a machine that is busy.
SLACK_SECONDS = 5.0

DESCRIBED = "described"
KNOWN_CODES = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MediaError)}
#: These mean that the decoder met its match.
BAD_CODES = ("decoder-crashed", "decoder-hung")


@dataclass
class Findings:
    """`outcomes` in the order of the files; `seconds` is the slowest file's time, `slowest` its name."""

    outcomes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    slowest: str = ""
    began: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {code}" for code, count in Counter(self.outcomes).most_common())
        whole = time.monotonic() - self.began
        return f"{len(self.outcomes)} files in {whole:.0f} s: {counts}; slowest {self.seconds:.1f} s ({self.slowest})"

    def bad(self) -> str:
        return ", ".join(f"{self.outcomes.count(code)} {code}" for code in BAD_CODES)


def put_through(decoder: Decoder, paths: Iterable[Path]) -> Findings:
    """AssertionError when a file ends in no known way, or not in time. Whatever else is raised is a crash of ours."""
    findings = Findings()
    most = 2 * (2 * SECONDS + decoder_process.GRACE_SECONDS) + SLACK_SECONDS  # a file may be tried twice
    decoder.sandbox()
    for path in paths:
        began = time.monotonic()
        try:
            assert opened(decoder, path, plan(seconds=SECONDS)).pictures
            code = DESCRIBED
        except MediaError as error:
            code = error.code
            assert code in KNOWN_CODES
            assert str(error).endswith("."), f"{path.name}: {error}"
        took = time.monotonic() - began
        assert took < most, f"{path.name} took {took:.0f} s"
        findings.outcomes.append(code)
        if took > findings.seconds:
            findings.seconds, findings.slowest = took, path.name
    return findings

"""Puts many files through one decoder as the worker does, and keeps count of what becomes of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from daemon import errors
from daemon.errors import MediaError
from daemon.media.decoder import decoder_process
from daemon.media.decoder.decoder import Decoder
from tests.support.clips import plan
from tests.support.decoders import PeakMemory, decode
from tests.support.refusals import is_for_people

#: What one file may take before its process is killed; the size adds up to as much again.
SECONDS = 10.0
#: For everything but the decoding, on a machine that is busy.
SLACK_SECONDS = 5.0

DESCRIBED = "described"
KNOWN_CODES = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MediaError)}
#: These mean that the decoder met its match.
BAD_CODES = ("decoder-crashed", "decoder-hung", "decoder-broken")


@dataclass
class Findings:
    """`outcomes` in the order of the files; `slowest` and `largest`: a file's name, with its seconds or bytes.

    Bytes are those that the decoder process had resident at most; 0 where the system does not tell.
    """

    outcomes: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    largest: tuple[int, str] = (0, "")
    began: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {code}" for code, count in Counter(self.outcomes).most_common())
        whole = time.monotonic() - self.began
        return (
            f"{len(self.outcomes)} files in {whole:.0f} s: {counts}; slowest {self.slowest[0]:.1f} s"
            f" ({self.slowest[1]}), largest {self.largest[0] / 1e6:.0f} MB ({self.largest[1]})"
        )

    def bad(self) -> str:
        return ", ".join(f"{self.outcomes.count(code)} {code}" for code in BAD_CODES)


def put_through(decoder: Decoder, paths: Iterable[Path]) -> Findings:
    """AssertionError when a file ends in no known way, or not in time. Whatever else is raised is a crash of ours."""
    findings = Findings()
    most = 2 * (2 * SECONDS + decoder_process.GRACE_SECONDS) + SLACK_SECONDS  # a file may be tried twice
    decoder.sandbox()
    with PeakMemory() as peak_memory:
        for path in paths:
            began = time.monotonic()
            findings.outcomes.append(outcome(decoder, path))
            took = time.monotonic() - began
            assert took < most, f"{path.name} took {took:.0f} s"
            findings.slowest = max(findings.slowest, (took, path.name))
            findings.largest = max(findings.largest, (peak_memory.max_bytes(), path.name))
    return findings


def outcome(decoder: Decoder, path: Path) -> str:
    try:
        assert decode(decoder, path, plan(seconds=SECONDS)).pictures
    except MediaError as error:
        assert error.code in KNOWN_CODES
        assert is_for_people(str(error)), f"{path.name}: {error}"
        return error.code
    return DESCRIBED

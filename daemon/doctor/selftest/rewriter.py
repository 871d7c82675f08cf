"""Rewrites one file with two contents in turn until it is killed. python -m … FILE."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from storage.atomic import write_atomically

CONTENTS = (b"a" * 3_000_000, b"b" * 2_000_000)


def write_for_ever(file: Path) -> None:
    for content in itertools.cycle(CONTENTS):
        write_atomically(file, content, mode=0o600, replace_ours=lambda _: True)


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]))

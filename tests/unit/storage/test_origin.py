from __future__ import annotations

from dataclasses import replace

import pytest

from storage.origin import Origin

KNOWN = Origin(model="m", dtype="bfloat16", weights="w1", control="c1")


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (KNOWN, None),
        (replace(KNOWN, control="c2"), "answers about control tiles"),
        (replace(KNOWN, dtype="float32", control="c2"), "precision"),
        (replace(KNOWN, weights="w2", dtype="float32", control="c2"), "weights"),
    ],
)
def test_the_first_difference_is_named_from_either_side(other: Origin, difference: str | None) -> None:
    assert KNOWN.difference(other) == other.difference(KNOWN) == difference


def test_what_is_unknown_does_not_differ() -> None:
    unknown = Origin(model="m", dtype="bfloat16")
    assert unknown.difference(KNOWN) is None
    assert unknown.difference(replace(KNOWN, dtype="float32")) == "precision"

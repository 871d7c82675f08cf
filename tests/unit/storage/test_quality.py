from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.description import Quality
from storage.quality import MEANINGS, to_text


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        (("caption: loop",), "suspect: the caption repeats itself"),
        (
            ("caption: cut-off", "main_event: empty"),
            "suspect: the caption breaks off; the main event says nothing",
        ),
        (("caption: a code from a newer version",), "suspect: caption: a code from a newer version"),
        (("loop",), "suspect: loop"),
        ((), "suspect"),
    ],
)
def test_a_verdict_as_text(reasons: tuple[str, ...], words: str) -> None:
    assert to_text(Quality(verdict="suspect", reasons=reasons)) == words


@given(name=st.text(min_size=1), code=st.sampled_from(sorted(MEANINGS)))
def test_every_code_has_a_text_for_any_answer(name: str, code: str) -> None:
    assert to_text(Quality(verdict="suspect", reasons=(f"{name}: {code}",))).endswith(MEANINGS[code])

from __future__ import annotations

import pytest

from config.errors import NotFoundError
from daemon.evaluation.bench.cases import GROUPS, NAMES, Ask, chosen, smaller


def names(*wanted: str) -> list[str]:
    return [name for group in chosen(wanted) for name in group.cases]


def test_no_wish_is_every_case() -> None:
    assert names() == list(NAMES)
    assert len(set(NAMES)) == len(NAMES)


def test_a_case_is_chosen_by_its_name_or_by_what_stands_before_its_dash() -> None:
    assert names("full", "fast") == ["fast", "fast-int8", "full"]
    assert names("decode-8") == ["decode-8"]
    assert names("decode") == ["decode-1", "decode-8", "decode-32", "decode-64"]


def test_cases_that_are_measured_against_the_same_stock_runs_stay_together() -> None:
    assert [list(group.cases) for group in chosen(["fast", "balanced", "full", "vision"])] == [
        ["fast", "fast-int8", "balanced", "balanced-int8", "full"],
        ["vision"],
    ]


def test_an_unknown_case_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotFoundError, match="'slow'") as caught:
        chosen(["fast", "slow"])
    assert "fast, fast-int8, balanced" in caught.value.advice


def test_both_sides_of_a_case_differ_in_copies_and_questions_alone_but_for_the_mix() -> None:
    for group in GROUPS:
        for name, task in group.cases.items():
            if (
                isinstance(task, Ask)
                and isinstance(group.stock, Ask)
                and name.split("-")[0] not in ("fast", "balanced")
            ):
                same = (task.detail, task.sizes, task.frames, task.tokens)
                assert same == (group.stock.detail, group.stock.sizes, group.stock.frames, group.stock.tokens), name


def test_a_quick_look_takes_every_picture_once() -> None:
    tasks = [smaller(task) for group in GROUPS for task in group.cases.values()]
    assert {task.copies for task in tasks if isinstance(task, Ask)} == {1}

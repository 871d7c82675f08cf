from __future__ import annotations

import pytest

from config.errors import NotFoundError
from daemon.evaluation.bench.cases import (
    ENGINE_CASES,
    GROUPS,
    NAMES,
    Ask,
    choose_engine_cases,
    choose_groups,
    without_copies,
)


def names(*wanted: str) -> list[str]:
    return [name for group in choose_groups(wanted) for name in group.cases]


def test_no_names_choose_every_case() -> None:
    assert names() == list(NAMES)
    assert len(set(NAMES)) == len(NAMES)


def test_a_case_is_chosen_by_its_name_or_the_part_before_its_dash() -> None:
    assert names("full", "fast") == ["fast", "fast-int8", "full"]
    assert names("decode-8") == ["decode-8"]
    assert names("decode") == ["decode-1", "decode-8", "decode-32", "decode-64"]


def test_cases_with_the_same_reference_runs_stay_together() -> None:
    assert [list(group.cases) for group in choose_groups(["fast", "balanced", "full", "vision"])] == [
        ["fast", "fast-int8", "balanced", "balanced-int8", "full"],
        ["vision"],
    ]


def test_an_unknown_case_is_refused_with_the_list_of_all() -> None:
    with pytest.raises(NotFoundError, match="'slow'") as caught:
        choose_groups(["fast", "slow"])
    assert "fast, fast-int8, balanced" in caught.value.advice


def test_both_tasks_of_a_case_differ_in_copies_and_questions_alone_except_for_the_mix() -> None:
    for group in GROUPS:
        for name, task in group.cases.items():
            if (
                isinstance(task, Ask)
                and isinstance(group.reference, Ask)
                and name.split("-")[0] not in ("fast", "balanced")
            ):
                same = (task.detail, task.sizes, task.frames, task.tokens)
                assert same == (
                    group.reference.detail,
                    group.reference.sizes,
                    group.reference.frames,
                    group.reference.tokens,
                ), name


def test_a_quick_run_uses_every_picture_once() -> None:
    tasks = [without_copies(task) for group in GROUPS for task in group.cases.values()]
    assert {task.copies for task in tasks if isinstance(task, Ask)} == {1}


def test_engines_are_compared_in_cases_of_their_own() -> None:
    assert list(choose_engine_cases([])) == list(ENGINE_CASES)
    assert list(choose_engine_cases(["flight", "decode-8"])) == ["flight-1", "flight-2", "flight-4", "decode-8"]
    with pytest.raises(NotFoundError, match="'prepare-8'") as caught:
        choose_engine_cases(["prepare-8"])
    assert "flight-1" in caught.value.advice

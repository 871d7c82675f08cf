from __future__ import annotations

import pytest

from config.keys import known_keys, misspelt_variables, nearest_key, variable_of


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SMOLWATCH_INBOX_PATH", "SMOLWATCH_INBOX__PATH"),
        ("SMOLWATCH_MODEL_DEVISE", "SMOLWATCH_MODEL__DEVICE"),
        ("SMOLWATCH_DEVICE", "SMOLWATCH_MODEL__DEVICE"),
        ("SMOLWATCH_MODEL", "SMOLWATCH_MODEL__ID"),
        ("SMOLWATCH_RECIPES", "SMOLWATCH_RECIPE"),
        ("SMOLWATCH_HOMES", "SMOLWATCH_HOME"),
        ("smolwatch_inbox__path", "SMOLWATCH_INBOX__PATH"),
    ],
)
def test_a_near_miss_of_a_variable_is_known_by_name(name: str, meant: str) -> None:
    assert misspelt_variables({name: "x", "PATH": "/bin"}) == {name: meant}


@pytest.mark.parametrize(
    "name",
    [
        "SMOLWATCH_HOME",
        "SMOLWATCH_DEBUG",
        "SMOLWATCH_CRASH_AT",
        "SMOLWATCH_RECIPE",
        "SMOLWATCH_INBOX__PATH",
        "SMOLWATCH_INBOX__PATHS",  # an error of its own
        "SMOLWATCH_OTHER",
        "SMOLWATCH_GOLDEN",
        "INBOX_PATH",
    ],
)
def test_what_is_read_or_like_nothing_is_not_one(name: str) -> None:
    assert misspelt_variables({name: "x"}) == {}


def test_an_empty_variable_chooses_nothing_under_any_name() -> None:
    assert misspelt_variables({"SMOLWATCH_INBOX_PATH": ""}) == {}


def test_the_nearest_of_every_key_is_itself() -> None:
    assert [nearest_key(key) for key in known_keys()] == list(known_keys())
    assert misspelt_variables({variable_of(key): "x" for key in known_keys()}) == {}

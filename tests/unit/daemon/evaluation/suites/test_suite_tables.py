"""A suite file is strict: every mistake is named with its line, all at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.evaluation.suites.suite_tables import check_suite

GOOD = """
description = "Mine"

[[case]]
name = "dog"
media = ["dog.jpg"]
ask = "What is this?"
contains = "dog|puppy"
"""
BAD = """\
description = "Mine"
colour = 1

[[case]]
name = "dog"
media = ["cat.jpg"]
ask = "What is this?"
contian = "dog"

[[case]]
name = "dog"
ask = "Again?"
tokens = "many"
regex = "("
number = 3

[[case]]
measure = "nothing"

[[case]]
name = "Not good"
ask = "Why?"
plan = ["9.1"]
words = [3, 1]
differs_from = "bird"
"""


def mistakes_in(text: str) -> list[str]:
    return check_suite(text, measures=["memory-line"], has_file=lambda name: name == "dog.jpg")[1]


def test_a_good_suite_has_its_cases_and_no_mistakes() -> None:
    suite, mistakes = check_suite(GOOD, measures=[], has_file=lambda _: True)
    assert mistakes == []
    assert suite is not None
    assert [(case.name, case.checks) for case in suite.case] == [("dog", ("contains",))]


def test_every_mistake_is_named_with_its_line() -> None:
    found = mistakes_in(BAD)
    assert [mistake.partition(":")[0] for mistake in found] == [
        *["line 2", "line 6", "line 8", "line 11", "line 13", "line 14", "line 17", "line 18"],
        *["line 21", "line 23", "line 24", "line 25"],
    ]
    for part in (
        "line 2: colour: no such key",
        "line 6: case 1 (dog): media: there is no file 'cat.jpg' beside the suite",
        "line 8: case 1 (dog): contian: no such key; did you mean contains?",
        "line 11: case 2 (dog): name: case 1 has this name too",
        "line 13: case 2 (dog): tokens: should be a valid integer",
        "line 14: case 2 (dog): regex: is no regular expression",
        "line 17: case 3: name: is missing",
        "line 18: case 3: measure: no such measurement; there are memory-line",
        "line 21: case 4 (Not good): name: must have lower-case letters",
        'line 23: case 4 (Not good): plan: must be a row of the testing plan, such as "2.4"',
        "line 24: case 4 (Not good): words: must be [least, most]",
        "line 25: case 4 (Not good): differs_from: there is no case 'bird' in this suite",
    ):
        assert any(mistake.startswith(part) for mistake in found), part


def test_what_keys_demand_of_each_other_is_a_mistake_of_the_case() -> None:
    head = 'description = "Mine"\n[[case]]\nname = "dog"\n'
    for keys, reason in (
        ("", 'needs either "ask" or "measure"'),
        ('ask = "Why?"\nmeasure = "memory-line"', 'needs either "ask" or "measure"'),
        ('ask = "Why?"', "has nothing that counts: add a check"),
        ('measure = "memory-line"\ncontains = "dog"', "measures, so it cannot have checks of an answer"),
        ('ask = "Why?"\nonly = ["dog"]', '"only" and "among" belong together'),
        ('ask = "Why?"\ncontains = "a"\ntolerance = 0.5', 'has a "tolerance" without a "number"'),
        ('ask = "Why?"\ncontains = "a"\nseed = 3', "needs a temperature above 0"),
        ('ask = "Why?"\ncontains = "a"\ncontrol = "blank"', 'has a "control" without media'),
        ('ask = "Why?"\ncontains = "a"\nwitness = "text"', 'has a "witness" without a question or media'),
        ('ask = "Why?"\ndiffers_from = "dog"', "cannot differ from itself"),
    ):
        assert mistakes_in(head + keys) == [f"line 2: case 1 (dog): {reason}"]


def test_text_that_is_no_toml_is_one_mistake_with_its_line() -> None:
    (mistake,) = mistakes_in('description = "Mine"\n[[case]\n')
    assert "line 2" in mistake


@given(st.text(max_size=200))
def test_no_text_makes_the_parser_fail(text: str) -> None:
    suite, mistakes = check_suite(text, measures=[], has_file=lambda _: False)
    assert (suite is None) == bool(mistakes)

"""What a TOML file's mistakes look like to its author."""

from __future__ import annotations

import pytest

from config.toml_mistakes import NotTomlError, no_such_key, read_tables, with_lines

TEXT = '[one]\na = 1\n\n[two]\nb = "x"\n'


@pytest.mark.parametrize("text", ["a = ", "a = 1\na = 2", f"a = {'9' * 5000}", "a = " + "[" * 5000])
def test_a_text_that_is_not_toml_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(NotTomlError) as caught:
        read_tables(text)
    assert str(caught.value)


def test_an_unknown_key_gets_the_nearest_known_one_or_all_of_them() -> None:
    assert no_such_key("wieght", ["weight", "name"]) == "no such key; did you mean weight?"
    assert no_such_key("zzz", ["weight", "name"]) == "no such key; there are weight, name"


def test_mistakes_come_in_the_order_of_their_lines() -> None:
    mistakes = [(("two", "b"), "must be a number"), (("one", "a"), "must be a text")]
    assert with_lines(mistakes, TEXT, lambda path: ".".join(map(str, path))) == [
        "line 2: one.a: must be a text",
        "line 5: two.b: must be a number",
    ]

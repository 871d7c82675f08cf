from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from config.toml_lines import line_of, lines_of

TEXT = '''\
# A remark: [not.a.table]
[mine]
version = 1
text = """
[no.table]
key = 2
"""

[mine.image]
caption = { ask = "What?", sampling = { seed = 1 } }
list = [
  1,
  2,
]
"odd key".inner = 3
[[more]]
x = 1
[[more.inner]]
y = 1
[[more]]
[[more.inner]]
[[more.inner]]
y = 2
[more.table]
'''

#: Lines that are valid TOML in this order; a table is named by its position.
BLOCKS = st.lists(
    st.sampled_from(("", "# note", 'key = "value"', 'key = """\n\n[x]\n"""', "key = [\n1,\n]", "key = { a = 1 }"))
)


def test_every_key_is_found_on_its_line() -> None:
    assert lines_of(TEXT) == {
        ("mine",): 2,
        ("mine", "version"): 3,
        ("mine", "text"): 4,
        ("mine", "image"): 9,
        ("mine", "image", "caption"): 10,
        ("mine", "image", "caption", "ask"): 10,
        ("mine", "image", "caption", "sampling"): 10,
        ("mine", "image", "caption", "sampling", "seed"): 10,
        ("mine", "image", "list"): 11,
        ("mine", "image", "odd key"): 15,
        ("mine", "image", "odd key", "inner"): 15,
        ("more",): 16,
        ("more", "0"): 16,
        ("more", "0", "x"): 17,
        ("more", "0", "inner"): 18,
        ("more", "0", "inner", "0"): 18,
        ("more", "0", "inner", "0", "y"): 19,
        ("more", "1"): 20,
        ("more", "1", "inner"): 21,
        ("more", "1", "inner", "0"): 21,
        ("more", "1", "inner", "1"): 22,
        ("more", "1", "inner", "1", "y"): 23,
        ("more", "1", "table"): 24,
    }


def test_a_key_that_is_missing_is_on_the_line_of_the_table_that_lacks_it() -> None:
    lines = lines_of(TEXT)
    assert line_of(("mine", "image", "caption", "tokens"), lines) == 10
    assert line_of(("mine", "video"), lines) == 2
    assert line_of(("other",), lines) == 1


def test_windows_line_ends_count_as_one() -> None:
    assert lines_of(TEXT.replace("\n", "\r\n")) == lines_of(TEXT)


def test_keys_that_are_nested_a_thousand_deep_are_found() -> None:
    path = ("a",) * 1000
    assert lines_of(f"\n{'.'.join(path)} = 1")[path] == 2


@given(BLOCKS)
def test_every_key_that_the_library_finds_has_a_line_within_the_text(blocks: list[str]) -> None:
    text = "".join(f"[t{number}]\n{block}\n" for number, block in enumerate(blocks))
    lines = lines_of(text)
    rows = text.split("\n")
    for table, keys in tomllib.loads(text).items():
        assert rows[lines[table,] - 1] == f"[{table}]"
        assert all(rows[lines[table, key] - 1].startswith(key) for key in keys)

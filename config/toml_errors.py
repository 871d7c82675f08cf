"""What is wrong with a TOML file, and how the line should read where a value lacks its quotes."""

from __future__ import annotations

import re
import tomllib

INBOX_TABLE = re.compile(r"^\s*\[inbox\]", re.MULTILINE)
INBOX_ITEM = re.compile(r"^\s*\[\[inbox\]\]", re.MULTILINE)
LINE = re.compile(r"\(at line (\d+)")
#: KEY = VALUE where the value is neither a list, a table, nor text in quotes.
UNQUOTED = re.compile(r"""^\s*([\w.-]+)\s*=\s*([^\s"'\[{#][^#"']*?)\s*(?:#.*)?$""")
CURLY_QUOTES = "\u201c\u201d\u201e\u2018\u2019\u201a"
NUMBER = re.compile(r"[\d.,_+-]+")
#: The settings whose value may hold a password.
SECRET_KEYS = {"url", "database.url"}


def explain(error: tomllib.TOMLDecodeError, text: str) -> str:
    """The error in one sentence, with the line's number. A line that may hold a password is not shown."""
    found = LINE.search(str(error))
    if found is None:  # at the end of the file
        return str(error)
    number = int(found[1])
    if INBOX_TABLE.search(text) and INBOX_ITEM.search(text):
        return f"line {number}: there is [inbox] or [[inbox]] for each of several, not both: remove the line [inbox]"
    unquoted = UNQUOTED.match(text.splitlines()[number - 1]) if number <= len(text.splitlines()) else None
    if unquoted is None or NUMBER.fullmatch(unquoted[2]):
        return str(error)
    key, value = unquoted[1], unquoted[2].strip(CURLY_QUOTES)
    if value.lower() in ("true", "false"):
        return f"line {number}: write it in lower case: {key} = {value.lower()}"
    shown = "\u2026" if key in SECRET_KEYS else value.replace("\\", "\\\\")
    return f'line {number}: put the value in straight quotes: {key} = "{shown}"'

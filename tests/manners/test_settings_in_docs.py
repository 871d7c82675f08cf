"""docs/configure.md lists every setting, with its default and its name in the environment."""

from __future__ import annotations

import re
import tomllib

import pytest

from config.groups import Group
from config.keys import NOT_CHOSEN
from config.settings import Settings
from tests.support.checkout import ROOT, pages

PAGE = pages()["docs/configure.md"]
#: | `key` | `default` | meaning | `ENVIRONMENT` |
ROW = re.compile(r"^\| `([a-z_.]+)` \| `([^`]*)` \| (.+?) \| `(SMOLWATCH_\w+)` \|$", re.M)
ROWS = {key: (default, meaning, name) for key, default, meaning, name in ROW.findall(PAGE)}
#: The lines that smolwatch.toml holds commented out: a group, or a key at its default.
SHIPPED_LINE = re.compile(r"^\[(\w+)\]$|^#([a-z_]+) = (.+)$", re.M)


def shipped() -> dict[str, str]:
    """Every setting of smolwatch.toml, by dotted key, with its default as TOML."""
    found, group = {}, ""
    for heading, key, default in SHIPPED_LINE.findall((ROOT / "config" / "smolwatch.toml").read_text(encoding="utf-8")):
        if heading:
            group = f"{heading}."
        else:
            found[f"{group}{key}"] = default
    return found


def defaults() -> dict[str, object]:
    """Every setting of the code, by dotted key, with its default."""
    found: dict[str, object] = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, Group):
            found |= {f"{name}.{inner}": leaf.default for inner, leaf in type(field.default).model_fields.items()}
        elif name not in NOT_CHOSEN:
            found[name] = field.default
    return found


def test_the_code_the_shipped_file_and_the_page_hold_the_same_settings() -> None:
    assert set(ROWS) == set(shipped()) == set(defaults())


def test_no_setting_is_listed_twice() -> None:
    assert len(ROW.findall(PAGE)) == len(ROWS)


def from_toml(default: str) -> object:
    """The value as the code holds it: an empty string chooses nothing, and lists are tuples."""
    value = tomllib.loads(f"value = {default}")["value"]
    return None if value == "" else tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize("key", defaults())
def test_the_page_gives_the_default_and_the_environment_name(key: str) -> None:
    default, meaning, name = ROWS[key]
    assert default == shipped()[key]
    assert from_toml(default) == defaults()[key]
    assert name == "SMOLWATCH_" + key.upper().replace(".", "__")
    assert meaning.strip()

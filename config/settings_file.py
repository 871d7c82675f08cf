"""The settings file as choices, each with its line. Reads the file, and checks no value but those of [[inbox]]."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.choices import Choice, problems_in_table
from config.inboxes import inbox_name
from config.toml_errors import explain
from config.toml_lines import line_of, lines_of

INBOX = "inbox"


@dataclass(frozen=True, kw_only=True)
class InboxChoices:
    """The values of one [[inbox]]. `place`: where it begins."""

    place: str
    choices: Sequence[Choice]


@dataclass(frozen=True, kw_only=True)
class SettingsFile:
    """`problems`: why it cannot be read."""

    choices: Sequence[Choice] = ()
    inboxes: Sequence[InboxChoices] = ()
    problems: Sequence[str] = ()


def read_settings_file(file: Path) -> SettingsFile:
    """A missing file has no choices."""
    try:
        text = file.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except FileNotFoundError:
        return SettingsFile()
    except tomllib.TOMLDecodeError as error:
        return SettingsFile(problems=[f"{file}: {explain(error, text)}"])
    except (OSError, ValueError, RecursionError) as error:  # ValueError: not UTF-8
        return SettingsFile(problems=[f"{file}: {error}"])
    lines = lines_of(text)

    def choice(key: str, value: object, path: tuple[str, ...]) -> Choice:
        return Choice(key=key, value=value, source=str(file), path=path, lines=lines)

    items = tables.get(INBOX)
    if not isinstance(items, list):
        return SettingsFile(choices=[choice(key, value, tuple(key.split("."))) for key, value in flat(tables)])
    inboxes, problems = [], []
    for number, table in enumerate(items):
        path = (INBOX, str(number))
        place = f"{file}, line {line_of(path, lines)}"
        if isinstance(table, Mapping):
            found = [choice(f"{INBOX}.{key}", value, (*path, key)) for key, value in table.items()]
            inboxes.append(InboxChoices(place=place, choices=[one for one in found if not one.is_empty]))
        else:
            problems.append(f"{INBOX} ({place}): must be a table: [inbox], or [[inbox]] for each of several")
    others = {key: value for key, value in tables.items() if key != INBOX}
    choices = [choice(key, value, tuple(key.split("."))) for key, value in flat(others)]
    return SettingsFile(choices=choices, inboxes=inboxes, problems=problems)


def flat(tables: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Dotted keys of a two-level tree."""
    for key, value in tables.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{inner}", leaf) for inner, leaf in value.items())
        else:
            yield key, value


def problems_of_table(table: InboxChoices) -> Iterator[str]:
    """What is wrong with one [[inbox]], for itself."""
    for choice in table.choices:
        yield from problems_in_table(choice)
    keys = {choice.key: choice for choice in table.choices}
    if f"{INBOX}.path" not in keys:
        yield f"{INBOX}.path ({table.place}): is missing"
    elif f"{INBOX}.name" not in keys and isinstance(path := keys[f"{INBOX}.path"].value, str):
        try:
            inbox_name(Path(path).name)
        except ValueError:
            yield f"{INBOX}.name ({table.place}): is missing, and the folder's own name cannot be one"

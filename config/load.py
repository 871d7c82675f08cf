"""From defaults, the home's smolwatch.toml, the environment and the command line to one `Settings`.

Later layers override earlier ones, but a bad value is reported even if a later layer overrides it.
An empty string means the default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from config.choices import Choice, problems_in_table, problems_of
from config.errors import ConfigError, PermissionDeniedError
from config.inbox_checks import PlacedInbox, problems_between
from config.keys import HOME, PREFIX, known_keys
from config.settings import Settings
from config.settings_file import INBOX, InboxChoices, problems_of_table, read_settings_file

SHIPPED = Path(__file__).with_name("smolwatch.toml")
#: Settings of an inbox that are folders; a relative one starts at the home.
FOLDERS = ("path", "output")


def load_settings(
    *,
    home: Path | None = None,
    overrides: Mapping[str, object] = {},
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """The settings of a home: `home`, else SMOLWATCH_HOME, else ~/SmolWatch.

    `overrides` come from the command line, by dotted key; None means that a flag was not given. A key of the inbox that
    a later layer chooses holds for every [[inbox]] of the file; a path replaces them all.
    Raises one ConfigError that lists every unknown key and bad value of every layer, with its source.
    """
    home = resolve_home(home, environ)
    file = read_settings_file(home / "config" / "smolwatch.toml")
    choices = [*file.choices, *from_environment(environ)]
    choices += [Choice(key=key, value=value, source="the command line") for key, value in overrides.items()]
    choices = [choice for choice in choices if not choice.is_empty]
    problems = [*file.problems, *(problem for choice in choices for problem in problems_of(choice))]
    problems += [problem for table in file.inboxes for problem in problems_of_table(table)]
    values = {choice.key: choice.value for choice in choices}
    tables = () if f"{INBOX}.path" in values else file.inboxes
    problems += problems_between(list(placed_inboxes(home, choices, tables)), home)
    if problems:
        raise ConfigError("\n".join(["The configuration is not valid:", *(f"  {problem}" for problem in problems)]))
    groups = tree(home, values)
    if tables:
        groups |= {"inbox_tables": [table_of(home, table, choices) for table in tables]}
    return Settings.model_validate(groups)


def placed_inboxes(home: Path, choices: Sequence[Choice], tables: Sequence[InboxChoices]) -> Iterator[PlacedInbox]:
    """The inboxes where one was configured at all, with those of their settings that are valid for themselves."""
    own = [choice for choice in choices if choice.key.startswith(f"{INBOX}.") and not any(problems_of(choice))]
    for table in tables or ([InboxChoices(place="", choices=())] if own else []):
        chosen = [*(choice for choice in table.choices if not any(problems_in_table(choice))), *own]
        values = inbox_values(home, chosen)
        try:
            group = {"inbox_tables": [values]} if tables else {INBOX: values}
            (inbox,) = Settings.model_validate({"home": home, **group}).inboxes
        except ValidationError:  # without a path or a name, which is reported for itself
            continue
        place = partial(place_of, {choice.key: choice for choice in chosen}, table)
        yield PlacedInbox(inbox=inbox, place=place)


def place_of(choices: Mapping[str, Choice], table: InboxChoices, key: str, inner: Sequence[str | int]) -> str:
    """Where a key of an inbox is written; where the inbox begins, if it is nowhere."""
    choice = choices.get(f"{INBOX}.{key}")
    return choice.place(inner) if choice else table.place


def table_of(home: Path, table: InboxChoices, choices: Sequence[Choice]) -> dict[str, object]:
    """The values of an [[inbox]], with those of later layers."""
    return inbox_values(home, [*table.choices, *(one for one in choices if one.key.startswith(f"{INBOX}."))])


def inbox_values(home: Path, choices: Sequence[Choice]) -> dict[str, object]:
    """By key without its group."""
    return with_folders(home, {choice.key.removeprefix(f"{INBOX}."): choice.value for choice in choices})


def with_folders(home: Path, values: dict[str, object]) -> dict[str, object]:
    """The values of an inbox, with absolute folders."""
    return values | {key: absolute(Path(str(values[key])), home) for key in FOLDERS if key in values}


def resolve_home(home: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The home's absolute path: `home`, else SMOLWATCH_HOME, else ~/SmolWatch."""
    return absolute(home or Path(environ.get(HOME) or "~/SmolWatch"))


def from_environment(environ: Mapping[str, str]) -> list[Choice]:
    """SMOLWATCH_<GROUP>__<KEY>, and SMOLWATCH_<KEY> for a setting of no group. Lists are written as in TOML."""
    choices = []
    for name, text in environ.items():
        key = name.removeprefix(PREFIX).lower().replace("__", ".")
        if name.startswith(PREFIX) and ("." in key or key in known_keys()):
            value = toml_list(text) if text.startswith("[") else text
            choices.append(Choice(key=key, value=value, source=name))
    return choices


def toml_list(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # not a list: the check of its setting reports that


def tree(home: Path, values: Mapping[str, object]) -> dict[str, object]:
    """The two-level tree of dotted keys, in the home."""
    groups: dict[str, dict[str, object]] = {}
    single: dict[str, object] = {"home": home}
    for key, value in values.items():
        group, dot, name = key.partition(".")
        if dot:
            groups.setdefault(group, {})[name] = value
        else:
            single[key] = value
    if INBOX in groups:
        groups[INBOX] = with_folders(home, groups[INBOX])
    return single | groups


def absolute(path: Path, within: Path | None = None) -> Path:
    """`path` with ~ expanded, and made absolute from `within` (or the current folder)."""
    expanded = os.path.expanduser(path)  # noqa: PTH111 - leaves an unknown user's ~ alone, where pathlib raises
    return ((within or Path.cwd()) / expanded).absolute()


def prepare_home(settings: Settings) -> None:
    """Create the missing folders and the settings file of a home; only the owner can read data and logs.

    A chosen inbox is not created: if its disk is not mounted, an empty folder would hide that.
    """
    home = settings.home
    is_chosen = settings.inbox.path is not None or settings.inbox_tables
    try:
        for name in ("config", "data", "logs") if is_chosen else ("inbox", "config", "data", "logs"):
            (home / name).mkdir(parents=True, exist_ok=True)
        for name in ("data", "logs"):
            (home / name).chmod(0o700)
        if not settings.config_file.exists():
            settings.config_file.write_bytes(SHIPPED.read_bytes())
    except PermissionError as error:
        raise PermissionDeniedError(f"{home}: cannot be written ({error.strerror})") from error
    except OSError as error:
        raise ConfigError(f"{error.filename or home}: cannot be created ({error.strerror})") from error

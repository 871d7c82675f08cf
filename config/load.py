"""From defaults, the home's smolwatch.toml, the environment and the command line to one `Settings`.

Later layers override earlier ones, but a bad value is reported even if a later layer overrides it.
An empty string means the default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from config.errors import ConfigError, PermissionDeniedError
from config.keys import HOME, PREFIX, known_keys, nearest_key
from config.settings import Settings
from config.toml_errors import explain

SHIPPED = Path(__file__).with_name("smolwatch.toml")
#: A wrong value of this setting may hold a password and is not shown.
SECRET = "database.url"


@dataclass(frozen=True)
class Choice:
    """One layer's value for one setting. `key` is dotted: "model.device"."""

    key: str
    value: object
    source: str


def load_settings(
    *,
    home: Path | None = None,
    overrides: Mapping[str, object] = {},
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """The settings of a home: `home`, else SMOLWATCH_HOME, else ~/SmolWatch.

    `overrides` come from the command line, by dotted key; None means that a flag was not given.
    Raises one ConfigError that lists every unknown key and bad value of every layer, with its source.
    """
    home = resolve_home(home, environ)
    choices, problems = from_file(home / "config" / "smolwatch.toml")
    choices += from_environment(environ)
    choices += [Choice(key, value, "the command line") for key, value in overrides.items()]
    choices = [choice for choice in choices if choice.value is not None and choice.value != ""]
    problems += [problem for choice in choices for problem in problems_of(choice, home)]
    if problems:
        raise ConfigError("\n".join(["The configuration is not valid:", *(f"  {problem}" for problem in problems)]))
    values = {choice.key: choice.value for choice in choices}
    if path := values.get("inbox.path"):
        values["inbox.path"] = absolute(Path(str(path)), home)
    return Settings.model_validate(tree(home, values))


def resolve_home(home: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The home's absolute path: `home`, else SMOLWATCH_HOME, else ~/SmolWatch."""
    return absolute(home or Path(environ.get(HOME) or "~/SmolWatch"))


def from_file(file: Path) -> tuple[list[Choice], list[str]]:
    """The file's values, and why it cannot be read. A missing file has none."""
    try:
        text = file.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except FileNotFoundError:
        return [], []
    except tomllib.TOMLDecodeError as error:
        return [], [f"{file}: {explain(error, text)}"]
    except (OSError, ValueError) as error:  # ValueError: not UTF-8
        return [], [f"{file}: {error}"]
    return [Choice(key, value, str(file)) for key, value in flat(tables)], []


def from_environment(environ: Mapping[str, str]) -> list[Choice]:
    """SMOLWATCH_<GROUP>__<KEY>, and SMOLWATCH_<KEY> for a setting of no group. Lists are written as in TOML."""
    choices = []
    for name, text in environ.items():
        key = name.removeprefix(PREFIX).lower().replace("__", ".")
        if name.startswith(PREFIX) and ("." in key or key in known_keys()):
            choices.append(Choice(key, toml_list(text) if text.startswith("[") else text, name))
    return choices


def toml_list(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # not a list: the check of its setting reports that


def flat(tables: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Dotted keys of a two-level tree."""
    for key, value in tables.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{inner}", leaf) for inner, leaf in value.items())
        else:
            yield key, value


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
    return single | groups


def problems_of(choice: Choice, home: Path) -> list[str]:
    """What is wrong with one choice, checked alone; at most one sentence."""
    if choice.key not in known_keys():
        near = nearest_key(choice.key)
        return [f"{choice.key} ({choice.source}): no such setting" + (f"; did you mean {near}?" if near else "")]
    try:
        Settings.model_validate(tree(home, {choice.key: choice.value}))
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Input ").removeprefix("Value error, ")
        shown = "…" if choice.key == SECRET else repr(choice.value)
        return [f"{choice.key} = {shown} ({choice.source}): {reason}"]
    return []


def absolute(path: Path, within: Path | None = None) -> Path:
    """`path` with ~ expanded, and made absolute from `within` (or the current folder)."""
    expanded = os.path.expanduser(path)  # noqa: PTH111 - leaves an unknown user's ~ alone, where pathlib raises
    return ((within or Path.cwd()) / expanded).absolute()


def prepare_home(settings: Settings) -> None:
    """Create the missing folders and the settings file of a home; only the owner can read data and logs.

    An inbox outside the home is not created: if its disk is not mounted, an empty folder would hide that.
    """
    home = settings.home
    try:
        for name in ("config", "data", "logs") if settings.inbox.path else ("inbox", "config", "data", "logs"):
            (home / name).mkdir(parents=True, exist_ok=True)
        for name in ("data", "logs"):
            (home / name).chmod(0o700)
        if not settings.config_file.exists():
            settings.config_file.write_bytes(SHIPPED.read_bytes())
    except PermissionError as error:
        raise PermissionDeniedError(f"{home}: cannot be written ({error.strerror})") from error
    except OSError as error:
        raise ConfigError(f"{error.filename or home}: cannot be created ({error.strerror})") from error

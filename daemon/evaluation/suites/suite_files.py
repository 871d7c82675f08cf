"""Finds suites: the shipped ones by name, and that of a folder. Raises ConfigError with every mistake of a file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from config.errors import ConfigError, NotFoundError
from config.safe_text import safe_text
from daemon.evaluation.suites.suite import NAME, Suite
from daemon.evaluation.suites.suite_tables import check_suite

SHIPPED = Path(__file__).parent / "shipped"
MEDIA = Path(__file__).parent / "media"
#: The suite file of a person's own folder.
OWN_FILE = "suite.toml"
#: In the order of the testing plan; what a run without names asks. The other shipped suites are asked by name.
DEFAULT_NAMES = (
    *"environment loading text image video multi-image consistency educational creative accessibility".split(),
    *"edge-cases stress".split(),
)
EXAMPLE = """Write one into it, such as:
  description = "My pictures"
  [[case]]
  name = "dog"
  media = ["dog.jpg"]
  ask = "Describe this image in one sentence."
  contains = "dog|puppy\""""


def shipped_names() -> tuple[str, ...]:
    """Every shipped suite: those of a run without names first."""
    found = {file.stem for file in SHIPPED.glob("*.toml")}
    return (*(name for name in DEFAULT_NAMES if name in found), *sorted(found - set(DEFAULT_NAMES)))


def find_suites(wanted: Sequence[str], *, measures: Collection[str]) -> list[Suite]:
    """The suites with these names, or of these folders; the default ones for none. Each once.

    Raises NotFoundError for a name that is neither; ConfigError with all mistakes of a suite file.
    """
    found = [find_suite(name, measures) for name in dict.fromkeys(wanted or DEFAULT_NAMES)]
    names = [suite.name for suite in found]
    for suite in found:
        if names.count(suite.name) > 1:
            raise ConfigError(f"Two suites have the name {suite.name}.", advice="Rename a folder.")
    return found


def find_suite(wanted: str, measures: Collection[str]) -> Suite:
    if wanted in shipped_names():
        return read_suite(SHIPPED / f"{wanted}.toml", wanted, MEDIA, measures)
    folder = Path(wanted)
    if not folder.is_dir():
        raise NotFoundError(
            f"There is no suite and no folder {safe_text(wanted)!r}.",
            advice=f"The suites are: {', '.join(shipped_names())}.",
        )
    file = folder / OWN_FILE
    if not file.is_file():
        raise NotFoundError(f"The folder {safe_text(wanted)} has no file {OWN_FILE}.", advice=EXAMPLE)
    return read_suite(file, name_of(folder), folder.absolute(), measures)


def name_of(folder: Path) -> str:
    """The folder's name in the form of a suite's: "My Pictures" is my-pictures."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in folder.absolute().name.lower()).split()
    name = "-".join(words)
    return f"{name}-folder" if name in shipped_names() or not NAME.fullmatch(name) else name


def read_suite(file: Path, name: str, media: Path, measures: Collection[str]) -> Suite:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{safe_text(str(file))} is not UTF-8 text.") from error

    def has_file(wanted: str) -> bool:
        return (media / wanted).is_file() and not Path(wanted).is_absolute() and ".." not in Path(wanted).parts

    table, mistakes = check_suite(text, measures=measures, has_file=has_file)
    if table is None:
        listed = "\n".join(f"  {safe_text(mistake)}" for mistake in mistakes)
        raise ConfigError(f"{safe_text(str(file))} has mistakes:\n{listed}", advice="See docs/evaluate.md.")
    return Suite(name=name, description=table.description, cases=tuple(table.case), media_folder=media)

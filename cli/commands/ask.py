"""`smolwatch ask`: any question about pictures or a video, or about nothing."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import click

from cli.answer_printer import AnswerPrinter
from cli.daemon_commands import running
from cli.lookup import inbox_roots
from cli.options import choices, json_option
from cli.render import say_json
from cli.saved_answer import file_to_keep_with, save_answer
from config.errors import NotFoundError
from config.groups import Detail
from config.load import load_settings
from config.safe_text import safe_text
from config.settings import Settings
from daemon.asking.question import DEFAULT_TOKENS, MOST_ANSWERS, MOST_FILES, Ask
from storage.json_values import name_fields

#: Seeds that are chosen here are short enough to be typed again.
SEED_BITS = 31


@click.command(short_help="Ask the model about pictures or a video, or anything.")
@click.argument("words", metavar='[FILE]... "QUESTION"', nargs=-1)
@click.option("--system", metavar="TEXT", help="A system prompt.")
@click.option(
    "--tokens", type=click.IntRange(1), default=DEFAULT_TOKENS, show_default=True, help="The answer's longest length."
)
@click.option(
    "--temperature",
    type=click.FloatRange(0, 2),
    default=0.0,
    show_default=True,
    help="Sample the answer's words; 0: the likeliest ones.",
)
@click.option(
    "--top-p", type=click.FloatRange(0, 1, min_open=True), help="Sample among the likeliest words of this probability."
)
@click.option("--seed", type=click.IntRange(0), help="Sample the same answer again; by default another one each time.")
@click.option("--repeat", type=click.IntRange(1, MOST_ANSWERS), help="So many answers, each with the next seed.")
@click.option("--detail", type=choices("detail"), help="How finely pictures are cut into tiles.")
@click.option("--save", is_flag=True, help="Keep question and answer with the record of the inbox's file.")
@json_option
@click.pass_obj
def command(  # noqa: PLR0913 - one parameter an option
    home: Path | None,
    words: tuple[str, ...],
    system: str | None,
    tokens: int,
    temperature: float,
    top_p: float | None,
    seed: int | None,
    repeat: int | None,
    detail: str | None,
    save: bool,
    as_json: bool,
) -> None:
    """Ask the model a question about one or several pictures, about one video, or without any file.

    The running daemon's model answers, beside its work, also while work is paused; without a daemon, a process of its
    own, which loads the model first. Files may be anywhere. In the question, <image> marks a picture's place, one for
    each; without marks, pictures come before the question.
    """
    if temperature == 0 and (top_p, seed, repeat) != (None, None, None):
        raise click.UsageError("--top-p, --seed and --repeat need a --temperature above 0: else nothing is sampled.")
    question = question_of(words)
    if save and (len(words) != 2 or repeat not in (None, 1)):
        raise click.UsageError("--save keeps one answer with one picture or video of the inbox: give one file.")
    settings = load_settings(home=home)
    ask = Ask(
        question=question,
        files=tuple(file_of(text, settings) for text in words[:-1]),
        system=system,
        tokens=tokens,
        temperature=temperature,
        top_p=1.0 if top_p is None else top_p,
        seed=secrets.randbits(SEED_BITS) if seed is None and temperature else seed or 0,
        repeat=repeat or 1,
        detail=next((each for each in get_args(Detail) if each == detail), None),
    )
    kept_with = file_to_keep_with(settings, ask.files[0]) if save else None
    printer = AnswerPrinter(is_terminal=sys.stdout.isatty() and not as_json)
    began = time.monotonic()
    result = answer(settings, ask, printer)
    seconds = time.monotonic() - began
    if not as_json:
        show(result["answers"], ask, printer)
    if kept_with is not None:
        save_answer(settings, kept_with, ask, result)
    if as_json:
        say_json(document(ask, result, seconds) | ({"saved_with": kept_with.id} if kept_with else {}))


def question_of(words: Sequence[str]) -> str:
    """The last word. Raises UsageError if there is none, or it is a file."""
    if not words or not words[-1].strip():
        raise click.UsageError('The question is empty. Type it in quotes: smolwatch ask photo.jpg "What is this?"')
    if os.path.isfile(words[-1]):  # noqa: PTH113 - Path raises for a question that is too long for a name
        raise click.UsageError(
            f'{safe_text(words[-1])} is a file, and the question is missing: smolwatch ask photo.jpg "What is this?"'
        )
    if len(words) - 1 > MOST_FILES:
        raise click.UsageError(
            f"{len(words) - 1} files are too many: a prompt has room for {MOST_FILES} at most. Ask about fewer at once."
        )
    return words[-1].strip()


def file_of(text: str, settings: Settings) -> bytes:
    """The file's absolute path: from the current folder, else from an inbox. A link's target. Raises NotFoundError."""
    for folder in (Path.cwd(), *inbox_roots(settings)):
        if os.path.lexists(folder / text):
            return os.fsencode(os.path.realpath(folder / text))
    raise NotFoundError(
        f"No such file: {safe_text(text)}",
        advice='Type the question last and in quotes: smolwatch ask photo.jpg "What is this?"',
    )


def answer(settings: Settings, ask: Ask, printer: AnswerPrinter) -> Mapping[str, Any]:
    """The result of the running daemon, else of this process."""
    run = running(settings)
    if run is not None:
        from cli.daemon_asks import ask_daemon

        return {**ask_daemon(settings, run, ask, printer.show), "daemon": True}
    from daemon.inference.registry import check_weights

    check_weights(settings)
    click.echo("smolwatch: no daemon is running; the model is loaded for this question alone.", err=True)
    from daemon.asking.own_process import answer_here

    return {**answer_here(settings, ask, printer.show), "daemon": False}


def show(answers: Sequence[Mapping[str, Any]], ask: Ask, printer: AnswerPrinter) -> None:
    """The answers; several are numbered. That one was cut off at its limit is a note on stderr."""
    if len(answers) == 1:
        printer.finish(answers[0]["text"])
    else:
        for number, each in enumerate(answers, 1):
            click.echo(safe_text(f"{number}. {each['text']}", lines=True))
    if not all(each["complete"] for each in answers):
        click.echo(f"smolwatch: the answer ended at its limit of {ask.tokens} tokens; see --tokens.", err=True)


def document(ask: Ask, result: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    asked: dict[str, Any] = {"question": ask.question, "files": [name_fields("path", file) for file in ask.files]}
    if ask.temperature:
        asked |= {"temperature": ask.temperature, "top_p": ask.top_p, "seed": ask.seed}
    return asked | dict(result) | {"wall_seconds": round(seconds, 3)}

"""`smolwatch demo`: end to end, on a dozen drawn pictures and clips, with the small model that is in the package."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from cli.daemon_asks import ask_daemon
from cli.daemon_commands import running
from cli.lookup import open_library
from cli.render import console, say, say_table
from cli.samples import SAMPLE_QUESTION, Sample, SampleQuestion, copy_into_inbox, shipped_samples
from config.errors import (
    AlreadyRunningError,
    DaemonNotRunningError,
    ModelUnavailableError,
    NotFoundError,
    SmolwatchError,
)
from config.load import load_settings, prepare_home
from config.safe_text import safe_text
from config.settings import Settings
from daemon.asking.question import Ask
from daemon.child_process import ChildDaemon
from daemon.lock import holder
from storage.errors import StorageError
from storage.library import Library

DEFAULT_HOME = Path("smolwatch-demo")
POLL_SECONDS = 0.25
#: The first file includes loading the model's libraries, which can be slow from a cold disk.
STALL_SECONDS = 240.0
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Outcome:
    """The result of one sample: its caption and how many seconds it took, or the reason why there is none."""

    caption: str = ""
    seconds: float = 0.0
    reason: str = ""


@click.command(short_help="Try it on a dozen drawn pictures and clips, without a download.")
@click.option(
    "--home",
    "own_home",
    type=click.Path(file_okay=False, path_type=Path),
    help=f"Folder for the demo (default: ./{DEFAULT_HOME}).",
)
@click.pass_obj
def command(home: Path | None, own_home: Path | None) -> int:
    """Start the daemon with the small demo model and compare a dozen captions and an answer with what was drawn.

    A dozen samples are copied into the demo's inbox, and one question is asked about one of them.
    """
    environ = demo_environment()
    home = own_home or home or DEFAULT_HOME
    settings = load_settings(home=home, overrides={"model.id": "demo"}, environ=environ)
    prepare_home(settings)
    samples = shipped_samples()
    say(f"Copying {len(samples)} pictures and clips into {safe_text(str(settings.inbox_path))}")
    with daemon_running(settings, environ) as daemon:
        copy_into_inbox(samples, settings.inbox_path)
        outcomes = watch(samples, settings, daemon)
        answer = ask(SAMPLE_QUESTION, settings)
    correct = report(samples, outcomes)
    is_true = report_answer(SAMPLE_QUESTION, answer)
    say_next_steps(settings)
    return 0 if correct == len(samples) and is_true else 1


def demo_environment() -> dict[str, str]:
    """The user's environment, except that inbox, database and recipe are the demo's, and files settle quickly."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("SMOLWATCH_INBOX__")}
    for name in ("SMOLWATCH_DATABASE__URL", "SMOLWATCH_RECIPE"):
        environ.pop(name, None)
    return environ | {"SMOLWATCH_INBOX__SETTLE_SECONDS": "0.5"}


@contextmanager
def daemon_running(settings: Settings, environ: dict[str, str]) -> Iterator[ChildDaemon]:
    """The real daemon as a process, from when it holds the home's lock until it has stopped."""
    if pid := holder(settings.lock_file):
        raise AlreadyRunningError(f"A daemon is already running for {settings.home} (process {pid}).")
    output = settings.log_folder / "demo.log"  # the daemon's stderr: empty, unless it cannot start
    daemon = ChildDaemon(settings, "--model", "demo", environ=environ, output=output)
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)  # when stopped, stop the daemon too
    try:
        daemon.start()
        yield daemon
    finally:
        stop(daemon)
        signal.signal(signal.SIGTERM, previous)


def stop(daemon: ChildDaemon) -> None:
    if daemon.stop(STOP_SECONDS) is None:
        daemon.kill()
        click.echo(f"The daemon did not stop within {STOP_SECONDS:.0f} s and was killed.", err=True)


def watch(samples: list[Sample], settings: Settings, daemon: ChildDaemon) -> dict[str, Outcome]:
    """Outcomes by sample name, each printed when it is there: on a terminal, above a progress bar."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    screen = console()
    columns = (TextColumn("describing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    outcomes: dict[str, Outcome] = {}
    deadline = time.monotonic() + STALL_SECONDS
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as progress:
        task = progress.add_task("", total=len(samples))
        while len(outcomes) < len(samples):
            for name, outcome in new_outcomes(samples, outcomes, settings, daemon.pid).items():
                outcomes[name] = outcome
                deadline = time.monotonic() + STALL_SECONDS
                screen.print(safe_text(f"{name}: {outcome.caption or outcome.reason}"), soft_wrap=True)
                progress.advance(task)
            daemon.check_alive()
            if time.monotonic() > deadline:
                say(f"No file was finished for {STALL_SECONDS:.0f} s. {safe_text(daemon.log_advice())}")
                break
            time.sleep(POLL_SECONDS)
    return outcomes


def new_outcomes(samples: list[Sample], known: dict[str, Outcome], settings: Settings, pid: int) -> dict[str, Outcome]:
    """Of the samples without an outcome, those that have one now; none while the database is being created.

    Raises ModelUnavailableError when this daemon reports that it has no model.
    """
    try:
        with open_library(settings) as library:
            check_engine(library, pid)
            found = {
                sample.name: outcome_of(os.fsencode(settings.inbox_path.resolve() / sample.name), library)
                for sample in samples
                if sample.name not in known
            }
    except (NotFoundError, StorageError):
        return {}
    return {name: outcome for name, outcome in found.items() if outcome}


def check_engine(library: Library, pid: int) -> None:
    """Ignores the engine's state of an earlier daemon."""
    daemon, engine = library.status.daemon(), library.status.engine()
    if daemon.pid == pid and engine.run == daemon.run and engine.state == "unavailable":
        raise ModelUnavailableError(engine.reason or "", advice=engine.advice or "")


def outcome_of(path: bytes, library: Library) -> Outcome | None:
    job = library.job_at(path)
    if job is None or not job.state.is_final():
        return None
    if description := library.description(job.id):
        return Outcome(description.answers.get("caption", ""), description.stats.seconds.get("total", 0.0))
    return Outcome(reason=job.reason or str(job.state))


def ask(asked: SampleQuestion, settings: Settings) -> str:
    """The running daemon's answer, as `smolwatch ask` gets it; the reason if there is none."""
    path = os.fsencode(settings.inbox_path.resolve() / asked.name)
    try:
        if (run := running(settings)) is None:
            raise DaemonNotRunningError
        result = ask_daemon(settings, run, Ask(question=asked.question, files=(path,)), lambda _: None)
    except SmolwatchError as error:
        return str(error)
    return str(result["answers"][0]["text"])


def report_answer(asked: SampleQuestion, answer: str) -> bool:
    """Prints it; whether it is the true one."""
    is_true = answer == asked.answer
    verdict = "true" if is_true else f"drawn: {asked.answer}"
    say(safe_text(f'Asked about {asked.name}: "{asked.question}" {answer} ({verdict})'))
    return is_true


def report(samples: list[Sample], outcomes: dict[str, Outcome]) -> int:
    """Prints the table and the number of correct captions, which is returned."""
    rows, correct = [], 0
    for sample in samples:
        outcome = outcomes.get(sample.name, Outcome(reason="not finished"))
        is_correct = outcome.caption == sample.caption
        correct += is_correct
        verdict = "true" if is_correct else f"drawn: {sample.caption}"
        seconds = f"{outcome.seconds:.2f}" if outcome.caption else ""
        rows.append((safe_text(sample.name), safe_text(outcome.caption or outcome.reason), seconds, verdict))
    say()
    say_table(("file", "caption", "seconds", "check"), rows)
    say(f"\n{correct} of {len(samples)} captions are true.")
    return correct


def say_next_steps(settings: Settings) -> None:
    home = safe_text(shlex.quote(str(settings.home)))
    program = safe_text(shlex.quote(program_as_typed(sys.argv[0])))
    say(f"""
Sidecars   beside each file in {safe_text(str(settings.inbox_path))} (.md to read, .smolwatch.json for programs)
Database   {safe_text(str(settings.database_place))}
Try        {program} --home {home} ls
           {program} --home {home} show 1
           {program} --home {home} ask "{SAMPLE_QUESTION.name}" "What colour are the triangles?"

For your own pictures, with the real model (a download of about 2.0 GB, once):
           {program} model pull
           {program} run""")


def program_as_typed(typed: str) -> str:
    """In a checkout's environment smolwatch is not on the PATH, and must be typed with its folder."""
    needs_folder = Path(typed).name == "smolwatch" and shutil.which("smolwatch") is None
    return typed if needs_folder else "smolwatch"

"""`smolwatch doctor`: what would go wrong, before it does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.options import json_option
from cli.render import say, say_facts, say_json
from config.safe_text import safe_text
from config.version import own_version
from daemon.clock import SystemClock
from daemon.doctor.finding import Finding, exit_code
from storage.atomic import write_atomically
from storage.json_values import omit_missing

if TYPE_CHECKING:
    from daemon.doctor.checkup import Facts
    from daemon.doctor.selftest.report import Report
    from daemon.doctor.selftest.trial_result import TrialResult


@click.command(short_help="Find what would go wrong, and say what to do.")
@click.option("--self-test", is_flag=True, help="Also try out how this machine behaves, for a minute or two.")
@json_option
@click.option("--write", "file", type=click.Path(path_type=Path), hidden=True)
@click.pass_obj
def command(home: Path | None, self_test: bool, as_json: bool, file: Path | None) -> int:
    """Look at everything that smolwatch needs, and say what to do where something is wrong. Changes nothing.

    The exit code is 1 when there is a problem; warnings are worth reading and no failure. With --self-test, which
    works in a temporary folder, it is 1 when a trial failed; the report can be pasted into an issue as it is.
    """
    from daemon.doctor.checkup import lines_of, look

    facts = look(home, os.environ, SystemClock().now())
    lines = lines_of(facts)
    if self_test:
        return test(facts, lines, as_json)
    if file is not None:  # a scratch service is asked: it must end well, or it is started again
        write_atomically(file, json.dumps(document(lines)).encode(), mode=0o600, replace_ours=lambda _: False)
        return 0
    if as_json:
        say_json(document(lines))
    else:
        show([(line.verdict, line.name, line.words, line.advice) for line in lines])
    return exit_code(lines)


def document(lines: Sequence[Finding]) -> dict[str, Any]:
    """The same for programs."""
    return {"smolwatch": own_version(), "exit_code": exit_code(lines), "lines": [to_json(line) for line in lines]}


def to_json(line: Finding) -> dict[str, Any]:
    return omit_missing(name=line.name, verdict=str(line.verdict), words=line.words, advice=line.advice or None)


def show(rows: Iterable[tuple[str, str, str, str]]) -> None:
    """Verdict, name and words in a line, and what to do in a second one."""
    shown = list(rows)
    verdicts, names = (max(len(row[column]) for row in shown) for column in (0, 1))
    for verdict, name, said, advice in shown:
        say(f"{verdict:<{verdicts}}  {name:<{names}}  {safe_text(said)}")
        if advice:
            say(f"{'':<{verdicts + names + 2}}  {safe_text(advice)}")


def test(facts: Facts, lines: Sequence[Finding], as_json: bool) -> int:
    from daemon.doctor.selftest.report import report_on, run_trials

    settings = facts.house.settings
    outcomes = run_trials(settings, facts.parts.model, os.environ, tell)
    report = report_on(lines, outcomes, settings)
    if as_json:
        say_json(report_document(report))
    else:
        show_report(report)
    return report.exit_code


def tell(outcome: TrialResult) -> None:
    """How far it is, beside the report."""
    click.echo(f"{outcome.name}: {outcome.result} ({outcome.seconds:.1f} s)", err=True)


def report_document(report: Report) -> dict[str, Any]:
    return {
        **report.machine,
        "exit_code": report.exit_code,
        "lines": [to_json(line) for line in report.lines],
        "trials": [
            {"name": one.name, "result": str(one.result), "words": one.words, "seconds": round(one.seconds, 2)}
            for one in report.outcomes
        ],
    }


def show_report(report: Report) -> None:
    say_facts((name, safe_text(value)) for name, value in report.machine.items())
    say()
    show([(line.verdict, line.name, line.words, line.advice) for line in report.lines])
    say()
    show([(one.result, one.name, one.words, "") for one in report.outcomes])

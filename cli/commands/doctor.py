"""`smolwatch doctor`: finds problems before they occur."""

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


@click.command(short_help="Find problems, and show how to fix them.")
@click.option("--self-test", is_flag=True, help="Also run trials on this machine, for a minute or two.")
@json_option
@click.option("--write", "file", type=click.Path(path_type=Path), hidden=True)
@click.pass_obj
def command(home: Path | None, self_test: bool, as_json: bool, file: Path | None) -> int:
    """Check everything that smolwatch needs, and show how to fix what is wrong. Changes nothing.

    The exit code is 1 when there is a problem; a warning does not change it. With --self-test, which works in a
    temporary folder, it is 1 when a trial failed; its report holds no names or paths and can be pasted into an issue.
    """
    from daemon.doctor.checkup import findings_of, look

    facts = look(home, os.environ, SystemClock().now())
    findings = findings_of(facts)
    if self_test:
        return test(facts, findings, as_json)
    if file is not None:  # in a scratch service: exit with 0, else it is restarted
        write_atomically(file, json.dumps(document(findings)).encode(), mode=0o600, replace_ours=lambda _: False)
        return 0
    if as_json:
        say_json(document(findings))
    else:
        show([(line.severity, line.name, line.text, line.advice) for line in findings])
    return exit_code(findings)


def document(lines: Sequence[Finding]) -> dict[str, Any]:
    """The findings as JSON."""
    return {"smolwatch": own_version(), "exit_code": exit_code(lines), "lines": [to_json(line) for line in lines]}


def to_json(line: Finding) -> dict[str, Any]:
    return omit_missing(name=line.name, verdict=str(line.severity), words=line.text, advice=line.advice or None)


def show(rows: Iterable[tuple[str, str, str, str]]) -> None:
    """Severity, name and text in one line, and the advice in a second one."""
    shown = list(rows)
    severities, names = (max(len(row[column]) for row in shown) for column in (0, 1))
    for severity, name, text, advice in shown:
        say(f"{severity:<{severities}}  {name:<{names}}  {safe_text(text)}")
        if advice:
            say(f"{'':<{severities + names + 2}}  {safe_text(advice)}")


def test(facts: Facts, lines: Sequence[Finding], as_json: bool) -> int:
    from daemon.doctor.selftest.report import report_on, run_trials

    settings = facts.home.settings
    results = run_trials(settings, facts.runtime.model, os.environ, show_progress)
    report = report_on(lines, results, settings)
    if as_json:
        say_json(report_document(report))
    else:
        show_report(report)
    return report.exit_code


def show_progress(trial: TrialResult) -> None:
    """Show one trial's result on stderr as soon as it ends."""
    click.echo(f"{trial.name}: {trial.result} ({trial.seconds:.1f} s)", err=True)


def report_document(report: Report) -> dict[str, Any]:
    return {
        **report.machine,
        "exit_code": report.exit_code,
        "lines": [to_json(line) for line in report.lines],
        "trials": [
            {"name": trial.name, "result": str(trial.result), "words": trial.text, "seconds": round(trial.seconds, 2)}
            for trial in report.results
        ],
    }


def show_report(report: Report) -> None:
    say_facts((name, safe_text(value)) for name, value in report.machine.items())
    say()
    show([(line.severity, line.name, line.text, line.advice) for line in report.lines])
    say()
    show([(trial.result, trial.name, trial.text, "") for trial in report.results])

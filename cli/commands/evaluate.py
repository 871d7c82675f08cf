"""`smolwatch evaluate`: how good, how steady and how fast a model is on this machine, by suites of test cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.commands.run import absolute_if_folder
from cli.evaluation_display import show_comparison, show_run, steps_shown
from cli.options import choices, json_option
from cli.render import say_json, say_table
from cli.times import local_time, utc_now
from config.errors import SmolwatchError
from config.load import load_settings, prepare_home
from config.safe_text import safe_text
from config.settings import Settings
from storage.db.database import open_database
from storage.evaluation.evaluation_records import CaseResult, EvaluationRun
from storage.evaluation.evaluation_store import EvaluationReader, EvaluationStore
from storage.json_values import iso_utc, omit_missing

if TYPE_CHECKING:
    from daemon.evaluation.metrics.comparison import Comparison
    from daemon.evaluation.session import Plan

SHARED_NOTE = "smolwatch: a daemon is running and uses the same device; figures of time are marked."


@click.command(short_help="Ask a model the cases of suites, and score its answers.")
@click.argument("wanted", metavar="[SUITE|FOLDER]...", nargs=-1)
@click.option("--model", metavar="ID|FOLDER|demo", help="The weights.  [default: those of the settings]")
@click.option("--engine", type=choices("engine"), help="What runs the model.")
@click.option("--precision", type=choices("precision"), help="The precision of its numbers.")
@click.option("--detail", type=choices("detail"), help="How finely pictures are cut into tiles.")
@click.option("--repeat", type=click.IntRange(1, 1000), default=1, show_default=True, help="Ask each case so often.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, help="The first seed of sampled answers.")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many cases of each suite.")
@click.option("--against", type=int, metavar="RUN", help="Compare with this earlier evaluation.")
@click.option("--resume", type=int, metavar="RUN", help="Go on with an evaluation that was interrupted.")
@click.option("--runs", "list_runs", is_flag=True, help="List the evaluations that are stored, and ask nothing.")
@json_option
@click.pass_obj
def command(  # noqa: PLR0913 - one parameter an option
    home: Path | None,
    wanted: tuple[str, ...],
    model: str | None,
    engine: str | None,
    precision: str | None,
    detail: str | None,
    repeat: int,
    seed: int,
    limit: int | None,
    against: int | None,
    resume: int | None,
    list_runs: bool,
    as_json: bool,
) -> None:
    """Ask a model the cases of suites, and score its answers.

    Without names: all suites but performance and photographs. A FOLDER has a file suite.toml beside its pictures; see
    docs/evaluate.md. Results are stored as they come: after Ctrl-C, --resume goes on.
    """
    options: dict[str, object] = {"model.id": model and absolute_if_folder(model)}
    options |= {"model.engine": engine, "model.precision": precision, "model.detail": detail}
    options = omit_missing(**options)
    settings = load_settings(home=home)
    prepare_home(settings)
    with closing(open_database(settings.database_place)) as database:
        store = EvaluationStore(database, utc_now)
        if list_runs:
            show_runs(store.runs(), as_json=as_json)
            return
        earlier = None if against is None else store.run(against)
        if resume is None:
            plan = plan_of(wanted, options, repeat=repeat, limit=limit, seed=seed)
        else:
            plan = plan_to_resume(store.run(resume), given=bool(wanted or options))
            options = {key: value for key, value in plan.options.items() if key.startswith("model.")}
        settings = load_settings(home=home, overrides=options)
        run = evaluated(settings, store, plan, resume)
        report(store, run, earlier, as_json=as_json)


def plan_of(wanted: Sequence[str], options: Mapping[str, object], *, repeat: int, limit: int | None, seed: int) -> Plan:
    """Raises NotFoundError for an unknown suite, ConfigError with all mistakes of a suite file."""
    from daemon.evaluation.measuring.measurements import MEASUREMENTS
    from daemon.evaluation.session import Plan
    from daemon.evaluation.suites.suite_files import find_suites, shipped_names

    names = [name if name in shipped_names() else absolute_if_folder(name) for name in wanted]
    suites = [suite.limited(limit) for suite in find_suites(names, measures=MEASUREMENTS)]
    folder = next((name for name in names if name not in shipped_names()), None)
    options = {**options, "suites": [*names]}
    return Plan(suites=suites, repeat=repeat, limit=limit, seed=seed, folder=folder, options=options)


def plan_to_resume(run: EvaluationRun, *, given: bool) -> Plan:
    """As it was begun."""
    if given:
        raise click.UsageError(
            "--resume goes on as the evaluation was begun: leave suites and the model's options out."
        )
    if run.ended_at is not None:
        raise SmolwatchError(f"Evaluation {run.id} has all its results.", advice="Start a new one.")
    names = run.options.get("suites")
    wanted = [str(name) for name in names] if isinstance(names, list) else list(run.suites)
    options = {key: value for key, value in run.options.items() if key != "suites"}
    return plan_of(wanted, options, repeat=run.repeat, limit=run.limit, seed=run.seed)


def evaluated(settings: Settings, store: EvaluationStore, plan: Plan, resume: int | None) -> EvaluationRun:
    """The finished run. Raises KeyboardInterrupt, after it has printed how to continue."""
    from daemon.evaluation.session import session
    from daemon.inference.registry import check_weights

    check_weights(settings)
    click.echo("smolwatch: loading the model.", err=True)
    with session(settings, store) as open_session:
        if resume is None:
            run = open_session.begin(plan)
        else:
            run = store.run(resume)
            open_session.check_same(run, plan)
        if open_session.is_shared():
            click.echo(SHARED_NOTE, err=True)
        with told_how_to_resume(run), steps_shown(run.planned) as show:
            for step in open_session.steps(run, plan):
                show(step.result, step.left)
    return store.run(run.id)


@contextmanager
def told_how_to_resume(run: EvaluationRun) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo(
            f"\nsmolwatch: interrupted; the results so far are kept. Go on: smolwatch evaluate --resume {run.id}",
            err=True,
        )
        raise


def report(store: EvaluationReader, run: EvaluationRun, earlier: EvaluationRun | None, *, as_json: bool) -> None:
    results, comparison = store.results(run.id), None
    if earlier is not None:
        from daemon.evaluation.metrics.comparison import compare

        comparison = compare(earlier, store.results(earlier.id), run, results)
    if as_json:
        say_json(document(run, results, comparison))
        return
    show_run(run, results)
    if earlier is not None and comparison is not None:
        show_comparison(earlier, comparison)


def show_runs(runs: Sequence[EvaluationRun], *, as_json: bool) -> None:
    if as_json:
        say_json([run_json(run) for run in runs])
        return
    now = utc_now()
    rows = [
        (
            str(run.id),
            local_time(run.started_at, now),
            f"{run.finished} of {run.planned}",
            safe_text(f"{run.model_id}, {run.engine}, {run.device}, {run.dtype}, {run.detail}"),
            safe_text(", ".join(run.suites)),
        )
        for run in runs
    ]
    say_table(("run", "started", "results", "model", "suites"), rows)


def document(run: EvaluationRun, results: Sequence[CaseResult], comparison: Comparison | None) -> dict[str, Any]:
    from daemon.evaluation.metrics.run_scores import Score, scores_by_category, scores_of

    def scores_json(scores: Sequence[Score]) -> dict[str, Any]:
        return {
            score.name: {"unit": score.unit, "formula": score.formula} | asdict(score.interval)
            for score in scores
            if score.interval is not None
        }

    found = {
        "run": run_json(run),
        "scores": scores_json(scores_of(results)),
        "categories": {name: scores_json(scores) for name, scores in scores_by_category(results).items()},
        "results": [result_json(result) for result in results],
    }
    return found if comparison is None else {**found, "against": asdict(comparison)}


def run_json(run: EvaluationRun) -> dict[str, Any]:
    times = {"started_at": iso_utc(run.started_at), "ended_at": run.ended_at and iso_utc(run.ended_at)}
    return omit_missing(**asdict(run) | times)


def result_json(result: CaseResult) -> dict[str, Any]:
    """Without the thumbnail."""
    return omit_missing(**asdict(result) | {"finished_at": iso_utc(result.finished_at), "thumbnail": None})

"""`smolwatch bench`: the engine's speed on this machine, against the stock way to run the same model."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.commands.run import absolute_if_folder
from cli.engine_display import show_comparison, spread
from cli.options import json_option
from cli.render import say, say_facts, say_json, say_table, size
from cli.times import utc_now
from config.load import load_settings, prepare_home
from config.safe_text import safe_text
from config.settings import Settings
from daemon.lock import holder
from daemon.service.detect import service_here
from daemon.service.one_shot import run_once
from daemon.service.service_spec import spec_for
from storage.atomic import write_atomically
from storage.db.database import open_database
from storage.evaluation.evaluation_store import EvaluationStore

if TYPE_CHECKING:
    from daemon.evaluation.bench.results import BenchResults, RooflineResult

RANDOM = "random"
ROUNDS, QUICK_ROUNDS = 3, 1
#: Of engines against each other: about as many as in the published figure.
TOKENS, QUICK_TOKENS, COMPARED_TOKENS = 64, 8, 50
IN_SERVICE_SECONDS = 4 * 3600.0


@click.command(short_help="Measure the engine's speed against transformers.")
@click.option(
    "--model",
    default=RANDOM,
    show_default=True,
    metavar="ID|FOLDER|demo|random",
    help="The weights; random ones of full size are made once.",
)
@click.option("--engines", metavar="NAME,…", default="", help="Compare these engines with each other: mlx,torch.")
@click.option("--cases", metavar="NAME,…", default="", help="Only these cases: fast, decode, decode-8 and so on.")
@click.option("--repeat", type=click.IntRange(min=1), help="Rounds for each implementation.  [default: 3]")
@click.option("--tokens", type=click.IntRange(min=2), help="Tokens of every answer.  [default: 64; engines: 50]")
@click.option(
    "--quick", is_flag=True, help=f"A quick run: {QUICK_ROUNDS} round, {QUICK_TOKENS} tokens, fewer pictures."
)
@json_option
@click.option(
    "--in-service", is_flag=True, help="Measure within a temporary service of launchd or systemd; prints JSON."
)
@click.option("--write", "file", type=click.Path(path_type=Path), hidden=True)
@click.pass_context
def command(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    model: str,
    engines: str,
    cases: str,
    repeat: int | None,
    tokens: int | None,
    quick: bool,
    as_json: bool,
    in_service: bool,
    file: Path | None,
) -> None:
    """Measure the engine against one `generate` of transformers a question: same weights, same requests, interleaved.

    All cases take most of an hour on a small machine, which should be idle otherwise. The figures are stored: see
    smolwatch report. With --engines, engines are measured against each other instead, and nothing is stored.
    """
    settings = settings_for(ctx.obj, model)
    if in_service:
        say(measured_in_service(settings, options_of(ctx)).decode())
        return
    options: dict[str, Any] = {
        "cases": names_in(cases),
        "rounds": repeat or (QUICK_ROUNDS if quick else ROUNDS),
        "tokens": tokens or (QUICK_TOKENS if quick else COMPARED_TOKENS if engines else TOKENS),
        "quick": quick,
        "on_progress": lambda text: click.echo(safe_text(text), err=True),
    }
    if engines:
        document = compare(settings, names_in(engines), options, is_shown=not as_json and file is None)
        keep(document, file, as_json=as_json)
        return
    from daemon.evaluation.bench.results import to_json
    from daemon.evaluation.bench.runner import measure

    report = measure(settings, **options)
    keep(to_json(report), file, as_json=as_json)
    if file is not None:
        return
    if not as_json:
        show(report)
    click.echo(f"Stored as run {store(settings, report)}. To see it: smolwatch report", err=True)


def names_in(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def compare(settings: Settings, engines: list[str], options: dict[str, Any], *, is_shown: bool) -> dict[str, Any]:
    """The engines' comparison as a document; `is_shown`: also as tables."""
    from daemon.evaluation.bench.engine_comparison import compare_engines, to_json

    found = compare_engines(settings, engines, **options)
    if is_shown:
        show_comparison(found)
    return to_json(found)


def keep(document: dict[str, Any], file: Path | None, *, as_json: bool) -> None:
    """The document in `file`, or on stdout with `as_json`."""
    if file is not None:
        write_atomically(file, json.dumps(document).encode(), mode=0o600, replace_ours=lambda _: False)
    elif as_json:
        say_json(document)


def store(settings: Settings, report: BenchResults) -> int:
    """Stores the figures as a run for reports, with those of both kinds of attention; the run's number."""
    from daemon.evaluation.bench.matrix import matrix_results, new_run
    from daemon.inference.weights.sources import find_model

    kernels = kernel_times() if report.limits is not None and not report.options["quick"] else None
    is_shared = holder(settings.lock_file) is not None
    results = matrix_results(report, kernels, utc_now())
    prepare_home(settings)
    with closing(open_database(settings.database_place)) as database:
        evaluations = EvaluationStore(database, utc_now)
        run = evaluations.begin(new_run(report, settings, find_model(settings).digest, len(results)))
        for result in results:
            evaluations.add(run.id, replace(result, is_shared=is_shared))
        evaluations.end(run.id)
    return run.id


def kernel_times() -> Mapping[str, Any] | None:
    """What the probe of attention prints; None, with a note, where it does not work."""
    from daemon.doctor.subprocesses import NoOutputError, run_probe

    try:
        return run_probe("daemon.inference.torch.probe_kernels")
    except NoOutputError as error:
        click.echo(f"smolwatch: attention could not be measured: {safe_text(str(error))}", err=True)
        return None


def options_of(ctx: click.Context) -> list[str]:
    """The same options as arguments for another process."""
    given = {"--model": absolute_if_folder(ctx.params["model"]), "--engines": ctx.params["engines"]}
    given |= {"--cases": ctx.params["cases"]}
    given |= {"--repeat": ctx.params["repeat"], "--tokens": ctx.params["tokens"]}
    arguments = [argument for name, value in given.items() if value for argument in (name, str(value))]
    return [*arguments, "--quick"] if ctx.params["quick"] else arguments


def measured_in_service(settings: Settings, options: list[str]) -> bytes:
    """The report of a bench that launchd or systemd runs in the same way as the daemon."""
    prepare_home(settings)
    with tempfile.TemporaryDirectory(dir=settings.home / "data") as scratch:
        service = service_here(os.environ, scratch="bench")
        arguments = ["bench", *options, "--write"]
        return run_once(service, spec_for(settings, os.environ), arguments, Path(scratch), seconds=IN_SERVICE_SECONDS)


def settings_for(home: Path | None, model: str) -> Settings:
    """The home's settings with that model; random weights are in the home's data folder."""
    if model != RANDOM:
        return load_settings(home=home, overrides={"model.id": absolute_if_folder(model)})
    settings = load_settings(home=home)
    prepare_home(settings)
    return load_settings(home=home, overrides={"model.id": str(random_weights(settings.home))})


def random_weights(home: Path) -> Path:
    """The folder of the full-size random weights, which are written at the first use."""
    from daemon.inference.smolvlm.checkpoint import missing_files
    from daemon.inference.weights.sources import write_random

    folder = home.absolute() / "data" / "random500"
    if missing_files(folder):
        click.echo(f"Writing random weights of full size (about 1 GB) to {safe_text(str(folder))}", err=True)
        write_random(folder)
    return folder


def show(report: BenchResults) -> None:
    facts = {**report.machine, **report.model, **report.options}
    say_facts((name, safe_text(text_of(value))) for name, value in facts.items())
    say()
    say_table(
        ("case", "stock", "engine", "times better", "measure"),
        [
            (case.name, spread(case.reference), spread(case.engine), spread(case.ratio), str(case.measure))
            for case in report.cases
        ],
    )
    say("\nEach: median (least to most).\n")
    for name, gain in report.int8_gains.items():
        say(f"{name} in 8 bits: {spread(gain)} times as fast")
    say_table(("case", "side", "files", "rows", "seconds of a file, by phase"), phases(report))
    if report.limits is not None:
        say()
        say_table(("limit", "figure"), limits(report.limits))


def text_of(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    return str(value)


def phases(report: BenchResults) -> Iterator[tuple[str, ...]]:
    from daemon.evaluation.bench.results import mean_phases

    for case in report.cases:
        for side, runs in (("stock", case.reference_runs), ("engine", case.engine_runs)):
            spent = " · ".join(f"{phase} {seconds:.3g}" for phase, seconds in mean_phases(runs).items())
            yield case.name, side, str(runs[0].files), str(runs[0].rows), spent


def limits(found: RooflineResult) -> Iterator[tuple[str, str]]:
    for product in found.products:
        yield (
            f"{product.dtype} {product.rows}x{product.inner}x{product.columns}",
            f"{spread(product.teraflops)} TFLOP/s",
        )
    yield "copying", f"{spread(found.copy_gigabytes)} GB/s"
    yield "floor of vision", f"{spread(found.vision_floor)} s a tile, of {found.gigaflops_a_tile:.1f} GFLOP"
    yield "vision over its floor", spread(found.vision_over_floor)
    yield "weights read a token", size(found.weights_megabytes_a_token * 1e6)
    for name, share in found.memory_share.items():
        yield f"weights read in {name}", f"{share:.2f} of copying"

"""The benchmark's results as results of a run, by row of the performance matrix, for reports. Pure.

A cell that was not measured has its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from config.settings import Settings
from config.version import own_version
from daemon.evaluation.bench.cases import NAMES
from daemon.evaluation.bench.results import INT8, BenchCase, BenchResults, RooflineResult
from daemon.evaluation.bench.stats import Stats
from storage.evaluation.evaluation_records import CaseResult, Figure, Line, NewRun

#: The suite under which the benchmark is stored.
SUITE = "bench"
#: The testing plan's rows about performance.
PLAN = ("3.1", "3.2", "3.3")
#: Figures that the testing plan has targets for.
LOAD, VIDEO_64 = "load", "video of 64 frames"
NOT_CHOSEN = "Not measured in this run; all of it: smolwatch bench"
NO_INT8 = "This machine has no faster products of 8 bits."
DEVICES = {"cpu": "CPU", "mps": "Apple GPU (MPS)", "cuda": "NVIDIA GPU (CUDA)"}
#: Case, x and name of the cell, by row.
BATCHES = (
    ("decode-1", 1, "1 answer"),
    ("decode-8", 8, "8 answers at once"),
    ("decode-32", 32, "32 answers at once"),
    ("decode-64", 64, "64 answers at once"),
)
TILES = (
    ("alone", 1, "one picture of 1 tile"),
    ("tiles-1", 1, "1 tile"),
    ("tiles-5", 5, "5 tiles"),
    ("tiles-13", 13, "13 tiles"),
)
VIDEOS = (("video-8", 8, "video of 8 frames"), ("video-64", 64, VIDEO_64))


def matrix_results(report: BenchResults, kernels: Mapping[str, Any] | None, now: datetime) -> list[CaseResult]:
    """`kernels`: what `daemon.inference.torch.probe_kernels` printed; None where it was not asked."""
    found = {case.name: case for case in report.cases}
    rows: dict[str, tuple[list[Figure], list[Line], str]] = {
        "start": (list(start_figures(found)), [], "From nothing to an answer; libraries and files are in memory."),
        "pictures": (list(cells(found, TILES, "s/picture")), [], "Seconds of a picture of noise among its batch."),
        "videos": (list(cells(found, VIDEOS, "s")), [], "Frames of noise: decoding is not in it."),
        "batch": (
            list(cells(found, BATCHES, "tokens/s")),
            lines_of(found, BATCHES, "answers at once", "tokens a second"),
            "All answers together, while they are written.",
        ),
        "precision": (list(precision_figures(found)), [], "How many times as fast as in the settings' own precision."),
        "against-transformers": (
            [against_stock(found, name) for name in NAMES],
            [],
            "The engine against one generate of transformers a question: same weights and requests, interleaved.",
        ),
        "attention": (list(attention_figures(kernels)), [], "At the real model's shapes; the best of several series."),
        "limits": (list(limit_figures(report.limits)), [], "The machine's limits, measured between the rounds."),
    }
    return [
        CaseResult(
            suite=SUITE, case=name, category=SUITE, plan=PLAN, finished_at=now, score=1.0,
            figures=tuple(figures), lines=tuple(lines), note=note,
        )
        for name, (figures, lines, note) in rows.items()
    ]  # fmt: skip


def new_run(report: BenchResults, settings: Settings, digest: str, planned: int) -> NewRun:
    """`digest`: of the weights."""
    machine, model = dict(report.machine), report.model
    libraries = machine.pop("libraries", {})
    return NewRun(
        smolwatch=own_version(),
        machine=machine,
        libraries=libraries if isinstance(libraries, dict) else {},
        model_id=str(model["id"]),
        revision=str(model["revision"]),
        weights_digest=digest,
        engine=str(model.get("engine", "")),
        device=str(model.get("device", "")),
        dtype=str(model.get("dtype", "")),
        precision=settings.model.precision,
        detail=settings.model.detail,
        suites=(SUITE,),
        suites_digest="",
        repeat=1,
        planned=planned,
    )


def start_figures(found: Mapping[str, BenchCase]) -> Iterator[Figure]:
    case = found.get("start")
    for phase, name in (
        ("load", LOAD),
        ("first picture", "first picture (cold)"),
        ("second picture", "second picture (warm)"),
    ):
        if case is None:
            yield missing(name, "s")
        else:
            yield figure(name, Stats(tuple(run.phases[phase] for run in case.engine_runs)), "s")


def cells(found: Mapping[str, BenchCase], row: Sequence[tuple[str, int, str]], unit: str) -> Iterator[Figure]:
    """The engine's figures."""
    for case, _, name in row:
        yield figure(name, found[case].engine, unit) if case in found else missing(name, unit)


def lines_of(found: Mapping[str, BenchCase], row: Sequence[tuple[str, int, str]], x: str, y: str) -> list[Line]:
    """Median, least and most over x; none with fewer than two points."""
    there = [(at, found[case].engine) for case, at, _ in row if case in found]
    of: Mapping[str, Callable[[Stats], float]] = {
        "median": lambda stats: stats.median,
        "least": lambda stats: stats.minimum,
        "most": lambda stats: stats.maximum,
    }
    if len(there) < 2:
        return []
    return [
        Line(name=name, x_label=x, y_label=y, points=tuple((float(at), value(stats)) for at, stats in there))
        for name, value in of.items()
    ]


def precision_figures(found: Mapping[str, BenchCase]) -> Iterator[Figure]:
    for name in (each for each in NAMES if each.endswith(INT8)):
        own = name.removesuffix(INT8)
        if name in found and own in found:
            pairs = zip(found[own].engine.values, found[name].engine.values, strict=True)
            yield figure(f"{own} in 8 bits", Stats(tuple(before / after for before, after in pairs)), "times")
        else:
            yield no_int8(f"{own} in 8 bits") if own in found else missing(f"{own} in 8 bits", "times")


def against_stock(found: Mapping[str, BenchCase], name: str) -> Figure:
    case = found.get(name)
    if case is None:
        return missing(name, "times") if name.removesuffix(INT8) not in found else no_int8(name)
    note = (
        f"{range_text(case.ratio)}; {case.measure}: engine {case.engine.median:.3g}, stock {case.reference.median:.3g}"
    )
    return Figure(name=name, value=case.ratio.median, unit="times", note=note)


def attention_figures(kernels: Mapping[str, Any] | None) -> Iterator[Figure]:
    """Fused kernels are what the plan calls flash attention."""
    if kernels is None:
        yield missing("fused and plain", "ms")
        return
    for device, name in DEVICES.items():
        report = kernels.get(device)
        if report is None or "trouble" in report:
            note = str(report["trouble"]) if report else f"This machine has no {name}."
            yield Figure(name=f"{name}: fused and plain", value=None, unit="ms", note=note)
            continue
        for shape in report["shapes"]:
            for kind in ("fused", "plain"):
                note = f"{report['dtype']}; {shape['off']:.2%} off"
                yield Figure(name=f"{name}: {shape['name']}, {kind}", value=shape[f"{kind}_ms"], unit="ms", note=note)
    yield Figure(name="MLX", value=None, unit="ms", note="To compare the engines: smolwatch bench --engines mlx,torch")


def limit_figures(roofline: RooflineResult | None) -> Iterator[Figure]:
    if roofline is None:
        yield Figure(name="products, copies and their shares", value=None, unit="", note=NOT_CHOSEN)
        return
    for dtype in dict.fromkeys(product.dtype for product in roofline.products):
        best = max((each for each in roofline.products if each.dtype == dtype), key=lambda each: each.teraflops.median)
        yield figure(f"fastest product, {dtype}", best.teraflops, "TFLOP/s")
    yield figure("copying memory", roofline.copy_gigabytes, "GB/s")
    share = Stats(tuple(100 / over for over in roofline.vision_over_floor.values))
    yield figure("vision: share of the fastest product", share, "%")
    for name, part in roofline.memory_share.items():
        note = f"rate at which {roofline.weights_megabytes_a_token:.0f} MB of weights are read, over that of a copy"
        yield Figure(name=f"{name}: share of copying", value=100 * part, unit="%", note=note)


def figure(name: str, stats: Stats, unit: str) -> Figure:
    return Figure(name=name, value=stats.median, unit=unit, note=range_text(stats))


def range_text(stats: Stats) -> str:
    return f"median of {len(stats.values)}, {stats.minimum:.3g} to {stats.maximum:.3g}"


def no_int8(name: str) -> Figure:
    return Figure(name=name, value=None, unit="times", note=NO_INT8)


def missing(name: str, unit: str) -> Figure:
    return Figure(name=name, value=None, unit=unit, note=NOT_CHOSEN)

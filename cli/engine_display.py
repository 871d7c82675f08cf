"""Shows how engines compare: a table, those that are not here, and the published speed beside one's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cli.render import say, say_facts, say_table
from config.safe_text import safe_text

if TYPE_CHECKING:
    from daemon.evaluation.bench.engine_comparison import EngineCase, EngineComparison
    from daemon.evaluation.bench.stats import Stats


def show_comparison(comparison: EngineComparison) -> None:
    say_facts(facts(comparison))
    say()
    names = list(comparison.engines)
    others = names[1:]
    columns = ("case", *names, *(f"{names[0]} against {other}" for other in others), "measure")
    say_table(columns, [row(case, names, others) for case in comparison.cases])
    say("\nEach: median (least to most) of the rounds. Against: how many times better, round by round.\n")
    for line in published_lines(comparison):
        say(safe_text(line))


def facts(comparison: EngineComparison) -> Iterator[tuple[str, str]]:
    for name in ("cpu", "system"):
        yield name, safe_text(str(comparison.machine[name]))
    yield "model", safe_text(str(comparison.model["id"]))
    for name, value in comparison.options.items():
        yield name, str(value)
    for name, info in comparison.engines.items():
        yield name, safe_text(f"{info.device}, {info.dtype}")
    for name, reason in comparison.absent.items():
        yield name, safe_text(f"not compared: {reason}")


def row(case: EngineCase, names: list[str], others: list[str]) -> tuple[str, ...]:
    ratios = (spread(case.ratios[other]) for other in others)
    return case.name, *(spread(case.figures[name]) for name in names), *ratios, str(case.measure)


def published_lines(comparison: EngineComparison) -> Iterator[str]:
    """The published figure of the largest batch that was measured here, and ours. None without such a case."""
    from daemon.evaluation.bench import published_speed

    ours = comparison.in_flight()
    measured = [count for count in published_speed.SECONDS if count in ours]
    if not measured:
        return
    count = max(measured)
    here = ", ".join(f"{name} {figure(stats.median)} s" for name, stats in ours[count].items())
    yield f"Published: {published_speed.SECONDS[count]} s a picture on {published_speed.WHERE}, {count} in flight."
    yield f"Here: {here}, with {comparison.model['id']} and answers of {comparison.options['tokens']} tokens."
    yield f"The published one: {published_speed.WORK} ({published_speed.SOURCE})."


def spread(found: Stats) -> str:
    return f"{figure(found.median)} ({figure(found.minimum)} to {figure(found.maximum)})"


def figure(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"

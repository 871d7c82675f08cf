"""Shows an evaluation: its progress with the remaining time, its scores, and how it compares with another one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from cli.render import console, say, say_facts, say_table
from cli.times import duration
from config.safe_text import safe_text
from storage.evaluation.evaluation_records import CaseResult, EvaluationRun, Figure

if TYPE_CHECKING:
    from daemon.evaluation.metrics.bootstrap import Interval
    from daemon.evaluation.metrics.comparison import Comparison

#: Failed cases that are listed under the scores.
MOST_FAILED = 20
SHARED = "A daemon used the same device meanwhile: figures of time are marked, and not comparable with others."

#: Called with a result and how many are left.
ShowStep = Callable[[CaseResult, int], None]


@contextmanager
def steps_shown(total: int) -> Iterator[ShowStep]:
    """On a terminal one bar on stderr, elsewhere a line for each result."""
    screen, began = console(stderr=True), time.monotonic()
    if not screen.is_terminal or screen.is_dumb_terminal:
        yield lambda result, left: click.echo(line_of(result, total, left, time.monotonic() - began), err=True)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda result, left: bar.update(task, completed=total - left, description=name_of(result))


def line_of(result: CaseResult, total: int, left: int, elapsed: float) -> str:
    """ "12 of 96  image/sign  failed  about 3 min left"."""
    done = total - left
    remaining = f"  about {duration(elapsed / done * left)} left" if left and done else ""
    return f"{done} of {total}  {name_of(result)}  {outcome_of(result)}{remaining}"


def name_of(result: CaseResult) -> str:
    repeat = f" ({result.repeat + 1})" if result.repeat else ""
    return safe_text(f"{result.suite}/{result.case}{repeat}")


def outcome_of(result: CaseResult) -> str:
    if result.skipped is not None:
        return "not tried"
    if result.error is not None:
        return "error"
    passed = sum(check.passed for check in result.checks)
    if passed == len(result.checks):
        return "passed"
    return f"{passed} of {len(result.checks)} checks passed" if passed else "failed"


def show_run(run: EvaluationRun, results: Sequence[CaseResult]) -> None:
    """The scores by category with their intervals, consistency, figures, and what failed."""
    facts = [
        ("evaluation", f"{run.id}: {run.finished} of {run.planned} results"),
        ("model", f"{run.model_id}@{run.revision}, {run.engine} on {run.device} in {run.dtype}, detail {run.detail}"),
        ("suites", ", ".join(run.suites)),
    ]
    say_facts((name, safe_text(text)) for name, text in facts)
    if run.is_shared:
        say(SHARED)
    show_scores(results)
    show_consistency(results)
    show_figures(results)
    show_opinions(results)
    failed = [result for result in results if outcome_of(result) not in ("passed", "not tried")]
    if failed:
        say(f"\n{len(failed)} of {len(results)} did not pass" + (", such as:" if len(failed) > MOST_FAILED else ":"))
        rows = [(name_of(each), safe_text(each.answer or each.error or ""), why(each)) for each in failed[:MOST_FAILED]]
        say_table(("case", "answer", "why"), rows)
    for reason in dict.fromkeys(result.skipped for result in results if result.skipped):
        names = [name_of(result) for result in results if result.skipped == reason]
        say(f"Not tried: {', '.join(names)}. {safe_text(reason)}")


def show_scores(results: Sequence[CaseResult]) -> None:
    from daemon.evaluation.metrics.caption_scores import NOTE, caption_scores
    from daemon.evaluation.metrics.run_scores import scores_by_category, scores_of
    from daemon.evaluation.metrics.unsupported_words import FORMULA as UNSUPPORTED_FORMULA
    from daemon.evaluation.metrics.unsupported_words import unsupported_share

    whole, named = scores_of(results), scores_by_category(results)
    columns = [number for number, score in enumerate(whole) if score.interval is not None]
    if columns:
        say()
        head = ("category", *(f"{whole[number].name} ({whole[number].unit})" for number in columns))
        rows = [(safe_text(name), *(cell(scores[k].interval) for k in columns)) for name, scores in named.items()]
        say_table(head, [row for row in rows if any(row[1:])] + [("all", *(cell(whole[k].interval) for k in columns))])
        for number in columns:
            say(f"{whole[number].name}: {whole[number].formula}")
        say("In brackets: 95 % of resampled sets of cases.")
    if (share := unsupported_share(results)) is not None:
        say(f"unsupported words: {100 * share:.0f} % of the {UNSUPPORTED_FORMULA}")
    if (captions := caption_scores(results)) is not None:
        figures = f"CIDEr {captions.cider:.2f}, BLEU-4 {captions.bleu:.2f}, ROUGE-L {captions.rouge_l:.2f}"
        say(f"{figures} over {captions.count} captions ({NOTE})")


def show_consistency(results: Sequence[CaseResult]) -> None:
    from daemon.evaluation.metrics.consistency import AGREEMENT_FORMULA, VARIANCE_FORMULA, consistencies

    found = consistencies(results)
    if not found:
        return
    say()
    rows = [
        (
            f"{each.temperature:g}{', one seed' if each.temperature and each.has_one_seed else ''}",
            str(each.cases),
            str(each.repeats),
            f"{100 * each.agreement:.0f} %",
            f"{100 * each.likeness:.0f} %",
            f"{each.variance:.3f}",
        )
        for each in found
    ]
    say_table(("temperature", "cases", "answers", "agreement", "likeness", "variance"), rows)
    say(f"agreement: {AGREEMENT_FORMULA}; variance: {VARIANCE_FORMULA}")


def show_figures(results: Sequence[CaseResult]) -> None:
    figures = [(result, figure) for result in results for figure in result.figures]
    if figures:
        say()
        rows = [
            (
                name_of(result),
                figure.name,
                value_of(figure) + (" *" if result.is_shared else ""),
                safe_text(figure.note),
            )
            for result, figure in figures
        ]
        say_table(("case", "figure", "value", "how measured"), rows)
        if any(result.is_shared for result, _ in figures):
            say("* The device was shared with a daemon.")


def show_opinions(results: Sequence[CaseResult]) -> None:
    """What independent programs found in the same pictures; a reason that all share, once."""
    found = [(result, result.opinion) for result in results if result.opinion is not None]
    if not found:
        return
    reasons = {opinion.reason for _, opinion in found}
    say()
    if len(reasons) == 1 and len(found) > 1:
        names = ", ".join(name_of(result) for result, _ in found)
        say(f"The witness {found[0][1].verdict} of {names}. {safe_text(next(iter(reasons)))}")
        return
    rows = [
        (name_of(result), opinion.witness, str(opinion.verdict), safe_text(opinion.reason)) for result, opinion in found
    ]
    say_table(("case", "witness", "opinion", "why"), rows)
    say("Witnesses are weak: no score depends on them.")


def show_comparison(earlier: EvaluationRun, comparison: Comparison) -> None:
    """Changes whose interval excludes zero, and the cases that changed."""
    say(f"\nAgainst evaluation {earlier.id}:")
    for difference in comparison.differences:
        say(f"  {safe_text(difference)}")
    certain = [change for change in comparison.changes if change.is_regression or change.is_improvement]
    if not certain:
        say("No change is certain at 95 %.")
    else:
        rows = [
            (
                "REGRESSION" if change.is_regression else "better",
                safe_text(change.category or "all"),
                change.measure,
                f"{change.earlier:.1f} → {change.now:.1f} {change.unit}",
                f"{change.interval.mean:+.1f} ({change.interval.low:+.1f} to {change.interval.high:+.1f})",
            )
            for change in certain
        ]
        say_table(("", "category", "measure", "change", "difference, 95 %"), rows)
    same = comparison.shared - len(comparison.cases)
    say(f"{same} of {comparison.shared} cases have the same answer and score.")
    if comparison.cases:
        changed = [
            (
                safe_text(f"{each.suite}/{each.case}"),
                f"{each.earlier_score:.2f} → {each.score:.2f}",
                safe_text(each.earlier_answer),
                safe_text(each.answer),
            )
            for each in comparison.cases[:MOST_FAILED]
        ]
        say_table(("case", "score", "earlier", "now"), changed)
    if comparison.only_earlier or comparison.only_now:
        say(f"Not compared: {comparison.only_earlier} cases only earlier, {comparison.only_now} only now.")


def cell(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.mean:.1f} ({interval.low:.1f}-{interval.high:.1f})"


def value_of(figure: Figure) -> str:
    if figure.value is None:
        return "not here"
    if figure.unit == "bytes":
        return f"{figure.value / 1e6:.1f} MB"
    return f"{figure.value:.4g} {figure.unit}".strip()


def why(result: CaseResult) -> str:
    failed = [check.reason for check in result.checks if not check.passed]
    return safe_text(" ".join(failed) or "An error in place of an answer.")

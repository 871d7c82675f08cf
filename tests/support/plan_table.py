"""The table of the testing plan in docs/evaluate.md: `python -m tests.support.plan_table` writes it anew.

It asks the demo model every suite, so it takes a minute or two. The rows, cases and measurements come from the suites.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from daemon.evaluation.measuring.measurements import MEASUREMENTS
from daemon.evaluation.suites.suite_files import find_suites, shipped_names
from storage.evaluation.evaluation_records import CaseResult
from tests.support.checkout import ROOT
from tests.support.evaluating import evaluate

PAGE = ROOT / "docs" / "evaluate.md"
BEGIN, END = "<!-- the testing plan: begin -->", "<!-- the testing plan: end -->"
HEAD = "| row | what | cases and measurements | last result with the demo model | what needs another model or machine |"
WEIGHTS = "the answers of real weights"
#: Every row of phases 1 to 4, and the targets: what it is about, and what the demo model on a CPU cannot show.
ROWS = {
    "1.1": ("accelerators, versions, support of the model", "a Mac for MPS and MLX, an NVIDIA GPU for CUDA"),
    "1.2": ("the processor and the model's files load", "the time of the real files"),
    "1.3": ("the model loads: time, memory, configuration", "the published configuration; bf16 on an accelerator"),
    "1.4": ("JPEG, PNG, WebP, HEIC, a URL against the file", "nothing"),
    "1.5": ("accelerator against CPU; MLX", "a Mac"),
    "2.1": ("text: arithmetic, story, facts, reasoning", WEIGHTS),
    "2.2": ("picture: description, scene, detail, photo, text", "photographs: the suite photographs"),
    "2.3": ("sizes of pictures; a red circle with its place", "nothing"),
    "2.4": ("video: summary, scene, objects, order, action", "clips of the real world: your own folder"),
    "2.5": ("the five questions about a video", WEIGHTS),
    "2.6": ("questions about a picture: facts, text, interpretation, places", WEIGHTS),
    "2.7": ("several pictures: same, different, order, relation", WEIGHTS),
    "3.1": ("speed: picture, length of video, batches, cold and warm", "real weights on the machine in question"),
    "3.2": ("memory: peak, by kind of input, leaks", "real weights; memory of a GPU"),
    "3.3": ("MPS, CUDA, MLX against the CPU; bf16, f32, int8", "a Mac, an NVIDIA GPU"),
    "3.4": ("quality: coherence, facts, instructions", WEIGHTS),
    "3.5": ("consistency: repeats, seeds, temperature", WEIGHTS),
    "4.1": ("lecture, figure, diagram, mathematics", WEIGHTS),
    "4.2": ("story, narrative, prompt, art", WEIGHTS),
    "4.3": ("alt text, video description, document, summary", WEIGHTS),
    "4.4": ("broken, huge, tiny, narrow and blurred files", "nothing"),
    "4.5": ("invalid formats, broken downloads, odd questions", "nothing"),
    "4.6": ("long sessions, many requests, large batches, little memory", "memory of a GPU"),
    "target": ("seconds, memory and quality of the plan's targets", "real weights on the machine in question"),
}


def cases_by_row() -> dict[str, list[str]]:
    """The shipped cases of each row, as "suite/case"; measurements are marked with a star."""
    found: dict[str, list[str]] = {row: [] for row in ROWS}
    for suite in find_suites(shipped_names(), measures=MEASUREMENTS):
        for case in suite.cases:
            for row in case.plan:
                found[row].append(f"{suite.name}/{case.name}" + ("*" if case.measure else ""))
    return found


def cell_of(cases: Iterable[str]) -> str:
    """By suite: "image: 12 cases; performance: one-picture*"."""
    by_suite: dict[str, list[str]] = {}
    for name in cases:
        suite, _, case = name.partition("/")
        by_suite.setdefault(suite, []).append(case)
    return "; ".join(f"{suite}: {several(names)}" for suite, names in by_suite.items())


def several(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} cases"


def outcome(results: Sequence[CaseResult]) -> str:
    """ "9 of 12 passed", by cases; those that were not tried are named."""
    tried = {(r.suite, r.case): True for r in results if r.skipped is None}
    for result in results:
        if result.skipped is None and (result.error or not all(check.passed for check in result.checks)):
            tried[result.suite, result.case] = False
    skipped = {(r.suite, r.case) for r in results if r.skipped is not None}
    text = f"{sum(tried.values())} of {len(tried)} passed"
    return text + (f", {len(skipped)} not tried" if skipped else "")


def table(results: Mapping[str, Sequence[CaseResult]]) -> str:
    """`results`: by row."""
    lines = [HEAD, "| --- | --- | --- | --- | --- |"]
    for row, cases in cases_by_row().items():
        what, needs = ROWS[row]
        lines.append(f"| {row} | {what} | {cell_of(cases)} | {outcome(results.get(row, []))} | {needs} |")
    return "\n".join(lines)


def main() -> None:
    names = [name for name in shipped_names() if name != "photographs"]
    with tempfile.TemporaryDirectory() as home:
        _, results = evaluate(Path(home), *names)
    by_row = {row: [result for result in results if row in result.plan] for row in ROWS}
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{table(by_row)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import Settings
from daemon.errors import EngineError, PromptError
from daemon.evaluation.fresh_process import in_fresh_process
from daemon.evaluation.measuring.peak_memory import KINDS, Kind, Peak, peak_figures, peak_of, request_of, within
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Engine
from tests.fakes.engines import FailingEngine

INFO = EchoEngine().load()
GPU = replace(INFO, device="cuda")
MEGABYTES = 10**6
PEAK = Peak(level=400 * MEGABYTES, peak=460 * MEGABYTES, how="as counted", device=120 * MEGABYTES)


def echo(_: Settings) -> Engine:
    return EchoEngine()


def failing(_: Settings) -> Engine:
    return FailingEngine(lambda request: len(request.pictures) > 1)


def test_each_kind_is_one_request_as_the_decoder_gives_it() -> None:
    requests = {name: request_of(kind, INFO) for name, kind in KINDS.items()}
    shapes = {name: (len(each.pictures), *{p.shape[1::-1] for p in each.pictures}) for name, each in requests.items()}
    assert shapes == {
        "text alone": (0,),
        "small picture": (1, (256, 192)),
        "large picture": (1, (1024, 768)),
        "four pictures": (4, (640, 480)),
        "video of 8 frames": (8, (512, 288)),
        "video of 64 frames": (64, (512, 288)),
    }
    assert [name for name, each in requests.items() if each.is_video] == ["video of 8 frames", "video of 64 frames"]


def test_a_picture_is_made_smaller_and_never_larger() -> None:
    assert within((4000, 3000), 1024) == (1024, 768)
    assert within((256, 192), 1024) == (256, 192)
    assert within((0, 0), 1024) == (0, 0)


def test_the_figure_is_what_the_input_adds_and_a_cpu_has_no_memory_of_its_own() -> None:
    figures = {figure.name: figure for figure in peak_figures(lambda _: PEAK, replace(INFO, device="cpu"))}
    assert figures["small picture"].value == 60 * MEGABYTES
    assert figures["small picture"].note == "above 400 MB of the loaded model; as counted"
    assert figures["small picture, on the GPU"].value is None
    assert "runs on the CPU" in figures["small picture, on the GPU"].note
    assert {figure.unit for figure in figures.values()} == {"bytes"}
    assert len(figures) == 2 * len(KINDS)


def test_a_gpus_peak_is_a_figure_of_its_own() -> None:
    figures = {figure.name: figure for figure in peak_figures(lambda _: PEAK, GPU)}
    assert figures["text alone, on the GPU"].value == 120 * MEGABYTES
    assert figures["text alone, on the GPU"].note == "with the model; peak as torch counts it"
    metal = {figure.name: figure for figure in peak_figures(lambda _: PEAK, replace(INFO, device="mps"))}
    assert "no peak is counted" in metal["text alone, on the GPU"].note


def test_a_kind_that_the_model_refuses_has_the_reason_in_its_place() -> None:
    def measure(kind: Kind) -> Peak:
        if kind.count == 64:
            raise PromptError("The prompt has 9000 tokens; the model takes 8192.")
        return PEAK

    found = [figure for figure in peak_figures(measure, GPU) if figure.value is None]
    assert [(each.name, each.note) for each in found] == [
        ("video of 64 frames", "The prompt has 9000 tokens; the model takes 8192.")
    ]


def test_a_large_picture_takes_more_than_text_in_a_process_of_its_own(tmp_path: Path) -> None:
    """The echo engine takes nothing but the picture."""
    settings = Settings(home=tmp_path)
    text = in_fresh_process(peak_of, echo, settings, KINDS["text alone"])
    picture = in_fresh_process(peak_of, echo, settings, Kind(count=8, size=(1024, 1024)))
    assert picture.peak - picture.level > 8 * 1024 * 1024 * 3 * 0.9
    assert text.peak - text.level < 8 * MEGABYTES  # the code that answers
    assert text.level > MEGABYTES


def test_an_engines_error_comes_back_from_the_process(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="out of memory"):
        in_fresh_process(peak_of, failing, Settings(home=tmp_path), KINDS["four pictures"])

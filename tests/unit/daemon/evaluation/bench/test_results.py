from __future__ import annotations

import json

import pytest

from daemon.evaluation.bench.cases import Measure
from daemon.evaluation.bench.interleave import Measurement, Run
from daemon.evaluation.bench.results import BenchResults, ProductResult, RooflineResult, compared, to_json, value_of
from daemon.evaluation.bench.stats import Stats, quotients

PHASES = {"preprocess": 0.5, "vision": 3.0, "prefill": 1.0, "generate": 4.0}
RUN = Run(files=2, phases=PHASES, tokens=40, tokens_in=100, tiles=12, rows=4)
ONCE = Stats((1.0,))


def turns(*seconds: float) -> list[Measurement]:
    return [Measurement(one, RUN) for one in seconds]


def report(limits: RooflineResult | None = None) -> BenchResults:
    cases = (
        compared("fast", Measure.SECONDS, turns(8, 10, 30), turns(2, 1, 2)),
        compared("alone", Measure.SECONDS, turns(4), turns(3)),
    )
    return BenchResults(machine={"cpu": "one"}, model={"id": "tiny"}, options={"rounds": 3}, cases=cases, limits=limits)


def test_stats_have_median_minimum_and_maximum() -> None:
    spread = Stats((3.0, 1.0, 2.0, 10.0))
    assert (spread.median, spread.minimum, spread.maximum) == (2.5, 1.0, 10.0)
    assert spread.scaled(2).values == (6.0, 2.0, 4.0, 20.0)


def test_only_the_same_rounds_are_compared() -> None:
    assert quotients((8, 10, 30), (2, 1, 2)).values == (4, 10, 15)
    with pytest.raises(ValueError, match="zip"):
        quotients((1, 2), (1,))


@pytest.mark.parametrize(
    ("measure", "value"),
    [(Measure.SECONDS, 10.0), (Measure.RATE, 40 / 8.0), (Measure.VISION, 6.0 / 12)],
)
def test_a_measure_is_read_from_a_run(measure: Measure, value: float) -> None:
    assert value_of(measure, Measurement(20.0, RUN)) == value


def test_a_start_lasts_to_the_end_of_the_first_answer() -> None:
    run = Run(files=1, phases={"load": 3.0, "first picture": 2.0, "second picture": 1.0})
    assert value_of(Measure.START, Measurement(6.0, run)) == 5.0


def test_a_ratio_is_how_many_times_better_the_engine_is_for_either_kind_of_measure() -> None:
    assert compared("fast", Measure.SECONDS, turns(8), turns(2)).ratio.values == (4.0,)
    faster = [Measurement(1.0, Run(files=1, phases={"generate": 1.0}, tokens=40))]
    assert compared("decode", Measure.RATE, turns(8), faster).ratio.values == (8.0,)


def test_ratios_are_of_the_mixes_alone() -> None:
    assert report().ratios == {"fast": 10.0}


def test_the_gain_of_8_bits_is_read_from_the_case_that_repeats_another() -> None:
    cases = (
        compared("fast", Measure.SECONDS, turns(8, 8), turns(4, 6)),
        compared("fast-int8", Measure.SECONDS, turns(8, 8), turns(2, 4)),
        compared("alone", Measure.SECONDS, turns(4, 4), turns(3, 3)),
    )
    found = BenchResults(machine={}, model={}, options={}, cases=cases)
    assert {name: gain.values for name, gain in found.int8_gains.items()} == {"fast": (2.0, 1.5)}
    assert to_json(found)["int8_gains"]["fast"]["median"] == 1.75


def test_the_json_has_every_value_with_its_statistics() -> None:
    found = json.loads(json.dumps(to_json(report())))
    assert list(found) == ["schema", "ratios", "machine", "model", "options", "cases"]
    fast = found["cases"]["fast"]
    assert fast["ratio"] == {"median": 10.0, "min": 4.0, "max": 15.0, "values": [4.0, 10.0, 15.0]}
    assert fast["stock"]["median"] == 5.0
    assert fast["engine"]["seconds"] == PHASES
    assert (fast["engine"]["files"], fast["engine"]["rows"], fast["engine"]["tokens_in"]) == (2, 4, 100)


def test_limits_are_in_the_json_when_they_were_measured() -> None:
    limits = RooflineResult(
        products=(ProductResult(dtype="bf16", rows=1, inner=2, columns=3, teraflops=Stats((0.123456789,))),),
        copy_gigabytes=ONCE,
        gigaflops_a_tile=213.4,
        vision_floor=ONCE,
        vision_over_floor=ONCE,
        weights_megabytes_a_token=700.0,
        memory_share={"decode-1": 0.5},
    )
    found = to_json(report(limits))["limits"]
    assert found["products"][0]["teraflops"]["median"] == 0.12346
    assert found["vision"]["over_floor"]["median"] == 1.0
    assert found["writing"]["memory_share"] == {"decode-1": 0.5}

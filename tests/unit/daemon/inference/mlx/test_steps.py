"""What decides the speed on an Apple GPU: how many steps a token takes, and how often the host waits for the device."""

from __future__ import annotations

from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
import torch

from daemon.inference.batch.scheduler import Scheduler
from daemon.inference.batch.sequence import SequenceGroup, TokenSequence
from daemon.inference.mlx.decode_step import DecodeSteps
from daemon.inference.mlx.model_runner import Features, MlxRunner
from daemon.inference.smolvlm.processor import Floats
from tests.support.checkpoints import write_tiny_checkpoint

CPU = mx.Device(mx.cpu)
TOKENS = 24


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("look_ahead", [False, True])
def test_a_batch_takes_one_step_a_token_and_the_host_waits_once_a_step(checkpoint: Path, look_ahead: bool) -> None:
    runner = MlxRunner.from_folder(checkpoint, CPU, mx.float32, look_ahead=look_ahead)
    batch: Scheduler[Floats, Features] = Scheduler(runner, max_sequences=8, max_tokens=10_000, end_id=None)
    for number in range(4):
        batch.add(SequenceGroup([], [], [TokenSequence([7, 8, 9 + number], TOKENS)]))
    rounds, finished = 0, 0
    while finished < 4:
        finished += len(batch.step())
        rounds += 1
    assert rounds <= TOKENS
    assert runner.decode_steps <= TOKENS - 1 + look_ahead, "one a token after the first; the last one ahead is not used"
    assert runner.waits <= TOKENS, "one prefill, then one a step"


def test_a_picture_makes_the_host_wait_once_more(checkpoint: Path) -> None:
    runner = MlxRunner.from_folder(checkpoint, CPU, mx.float32)
    features = runner.encode_images([np.zeros((3, 64, 64), np.float32)] * 3)
    slots = [
        runner.add([1, *[runner._image_id] * len(tile), 9], [tile], capacity)
        for tile, capacity in zip(features, (32, 64, 64), strict=True)
    ]
    runner.prefill([(slot, len(features[0]) + 2) for slot in slots])
    runner.decode(slots, [11, 12, 13])
    assert (runner.waits, runner.decode_steps) == (3, 1), "vision, prefill, and one step over both buckets"


def test_a_slot_that_leaves_does_not_cost_the_step_that_was_started_ahead(checkpoint: Path) -> None:
    runner = MlxRunner.from_folder(checkpoint, CPU, mx.float32, look_ahead=True)
    slots = [runner.add([7, 8, number], (), 32) for number in range(3)]
    tokens = runner.prefill([(slot, 3) for slot in slots])
    tokens = runner.decode(slots, tokens)
    assert runner.decode_steps == 2
    runner.free(slots[1])
    runner.decode([slots[0], slots[2]], [tokens[0], tokens[2]])
    assert runner.decode_steps <= 3


def test_compiled_steps_choose_the_same_tokens_and_only_the_last_ones_are_kept(checkpoint: Path) -> None:
    found = []
    for compiled in (False, True):
        runner = MlxRunner.from_folder(checkpoint, CPU, mx.float32)
        runner._steps = DecodeSteps(runner._text, compiled=compiled)
        slots = [runner.add([7, 8, number], (), capacity) for number, capacity in enumerate((32, 32, 64))]
        tokens = list(runner.prefill([(slot, 3) for slot in slots]))
        steps = [tokens]
        for _ in range(3):
            tokens = list(runner.decode(slots, tokens))
            steps.append(tokens)
        found.append(steps)
        assert len(runner._steps._steps) == compiled
    assert found[0] == found[1]

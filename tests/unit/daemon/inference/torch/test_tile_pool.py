"""Tiles computed in parallel: the same results, in order, with one thread each; other threads keep all threads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread, get_ident

import numpy as np
import pytest
import torch

from daemon.inference.torch.model_runner import TorchRunner
from daemon.inference.torch.tile_pool import TilePool
from tests.support.checkpoints import write_tiny_checkpoint


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_come_in_order_each_computed_on_one_thread() -> None:
    def work(number: int) -> tuple[int, int, bool]:
        torch.ones(4, 100_000).sum()  # from here on a thread has as many as it ever gets
        return number, torch.get_num_threads(), torch.is_inference_mode_enabled()

    assert TilePool(2)(work, range(5)) == [(number, 1, True) for number in range(5)]


def test_other_threads_still_use_all_threads() -> None:
    TilePool(2)(lambda _: torch.ones(4).sum(), range(2))
    found: list[int] = []
    later = Thread(target=lambda: found.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert [torch.get_num_threads(), *found] == [2, 2]


def test_a_failure_is_raised_once_no_task_runs_any_more() -> None:
    failed, ended = Event(), Event()

    def work(number: int) -> None:
        if number == 0:
            failed.set()
            raise RuntimeError("out of memory")
        failed.wait()
        ended.set()

    with pytest.raises(RuntimeError, match="out of memory"):
        TilePool(2)(work, (0, 1))
    assert ended.is_set()


def test_tiles_that_are_encoded_in_parallel_have_the_same_features(tmp_path: Path) -> None:
    runner = TorchRunner.from_folder(write_tiny_checkpoint(tmp_path), torch.device("cpu"), torch.bfloat16)
    layer, threads = runner._vision._layers[0], set[int]()

    def recorded(hidden: torch.Tensor) -> torch.Tensor:
        threads.add(get_ident())
        return layer(hidden)

    runner._vision._layers[0] = recorded  # type: ignore[call-overload]
    tiles = list(np.random.default_rng(0).standard_normal((5, 3, 64, 64), np.float32))
    together = runner.encode_images(tiles)
    assert get_ident() in threads and len(threads) > 1, "the fifth is encoded by all threads together"
    for tile, features in zip(tiles, together, strict=True):
        assert torch.equal(features, runner.encode_images([tile])[0])

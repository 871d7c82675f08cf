"""Unit tests mirror the tree, and one module name means one thing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.support.checkout import ROOT, modules
from tests.support.identifiers import unit_tests

#: Unit tests of one module that are spread over several files: test file -> the module that it tests.
TESTS_OF = {
    "daemon/inference/batch/test_scheduler_property.py": "daemon/inference/batch/scheduler.py",  # generated schedules
    "daemon/inference/test_kept_features.py": "daemon/inference/batch_engine.py",  # with a feature cache
    "daemon/inference/mlx/test_mutations.py": "daemon/inference/mlx/model_runner.py",  # planted mistakes
    "daemon/inference/mlx/test_steps.py": "daemon/inference/mlx/model_runner.py",  # steps and waits are counted
    "daemon/inference/torch/test_uploads.py": "daemon/inference/torch/model_runner.py",  # transfers to the device
    "daemon/inference/torch/test_weight_layout.py": "daemon/inference/torch/linear.py",  # on the whole model
    "storage/sidecars/test_saved_answers.py": "storage/sidecars/json.py",  # and in the Markdown
}

#: Names of several modules, with the reason.
SHARED = {
    "__init__": "every package has one",
    "errors": "each layer has its branch of the one error tree",
    "loop": "the main loop of the intake's thread, and that of the worker",
    "outcomes": "the worker decides how a job ends, and storage stores it",
    "recipes": "the command is named after what it shows",
    "report": "the command is named after what it writes; the self-test's report is for those who mend smolwatch",
    "rescan": "the command is named after what the intake does",
    # Each backend of the model, torch and MLX, has its own, with the same public shape.
    **dict.fromkeys(
        "attention device_check devices kv_cache linear loader model_runner sampler text_model vision_model".split(),
        "one a backend",
    ),
}


def module_of(test: Path) -> list[str]:
    """Where the module of a test file may be; a command's tests are with the other tests of cli."""
    path = test.with_name(test.name.removeprefix("test_")).as_posix()
    commands = [f"cli/commands/{path.removeprefix('cli/')}"] if path.startswith("cli/") else []
    return [TESTS_OF.get(test.as_posix(), path), *commands]


@pytest.mark.parametrize("test", unit_tests(), ids=str)
def test_a_unit_test_mirrors_its_module(test: Path) -> None:
    assert any((ROOT / module).is_file() for module in module_of(test))


@pytest.mark.parametrize("test", TESTS_OF)
def test_every_exception_of_the_mirror_is_needed(test: str) -> None:
    path = Path(test)
    assert path in unit_tests()
    assert not (ROOT / path.with_name(path.name.removeprefix("test_"))).is_file()


def test_one_module_name_means_one_thing() -> None:
    times = Counter(Path(module).stem for module in modules())
    assert {name for name, count in times.items() if count > 1} == set(SHARED)

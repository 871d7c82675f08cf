"""`smolwatch model quantize`: its messages, and its exit codes. The other model commands are in test_weights.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.inference.mlx.quantize import write_quantized
from daemon.inference.weights.sources import DEMO
from tests.support.disks import small_disk
from tests.unit.cli.conftest import CliHome


def refusal(home: CliHome, *arguments: str) -> tuple[int, str]:
    """The exit code, and what is said on stderr."""
    result = home.invoke("model", "quantize", *arguments)
    assert result.stdout == ""
    assert "unexpected" not in result.stderr
    return result.exit_code, result.stderr


def test_a_quantized_model_is_stored_and_how_to_use_it_is_said(home: CliHome, tmp_path: Path) -> None:
    result = home.invoke("model", "quantize", str(tmp_path / "small"), "--model", "demo", "--bits", "4")
    assert result.exit_code == 0, result.stderr
    assert f"Written to {tmp_path / 'small'} (" in result.stdout
    assert ", before: 6.7 MB)" in result.stdout
    assert f"smolwatch run --engine mlx --model {tmp_path / 'small'}" in result.stdout


@pytest.mark.parametrize(
    ("model", "message", "advice"),
    [
        ("demmo", 'There is no model "demmo". Did you mean demo?', "a folder that holds a checkpoint"),
        ("./nowhere", "There is no folder ./nowhere.", "a folder that holds a checkpoint"),
        ("nobody/nothing", "The weights of nobody/nothing are not on this machine.", "smolwatch model pull"),
    ],
)
def test_without_such_a_model_the_exit_code_is_6(
    home: CliHome, tmp_path: Path, model: str, message: str, advice: str
) -> None:
    code, stderr = refusal(home, str(tmp_path / "small"), "--model", model)
    assert code == 6
    assert f"smolwatch: {message}\n" in stderr
    assert advice in stderr
    assert not (tmp_path / "small").exists()


def test_a_quantized_model_is_not_quantized_again(home: CliHome, tmp_path: Path) -> None:
    write_quantized(DEMO, tmp_path / "once", 8)
    code, stderr = refusal(home, str(tmp_path / "twice"), "--model", str(tmp_path / "once"))
    assert code == 6
    assert stderr == (
        f"smolwatch: The weights in {tmp_path / 'once'} are quantized already.\n"
        "  Choose the model that they were made of.\n"
    )


def test_a_folder_that_holds_a_model_is_left_as_it_is(home: CliHome, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"mine")
    code, stderr = refusal(home, str(tmp_path), "--model", "demo")
    assert code == 1
    assert stderr == f"smolwatch: {tmp_path} holds model.safetensors already.\n  Choose another folder.\n"
    assert (tmp_path / "model.safetensors").read_bytes() == b"mine"


def test_a_full_disk_is_named(home: CliHome, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2_000_000) as disk:
        code, stderr = refusal(home, str(disk / "small"), "--model", "demo")
        assert code == 1
        assert f"smolwatch: The disk of {disk / 'small'} is full.\n" in stderr
        assert "Free some space" in stderr
        assert list(disk.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(home: CliHome, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    code, stderr = refusal(home, str(tmp_path / "closed" / "small"), "--model", "demo")
    assert code == 5
    assert f"Permission denied: {tmp_path / 'closed' / 'small'}" in stderr


@pytest.mark.parametrize("arguments", [(), ("small", "--bits", "5"), (__file__,)])
def test_wrong_usage_is_code_2(home: CliHome, arguments: tuple[str, ...]) -> None:
    assert refusal(home, *arguments)[0] == 2

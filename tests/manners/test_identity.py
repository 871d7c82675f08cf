"""The packages have plain names, so another distribution could shadow them: these are ours, and installed as such."""

from __future__ import annotations

import importlib
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.support.checkout import PACKAGES, ROOT


def project() -> dict[str, Any]:
    whole: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return whole


@pytest.mark.parametrize("package", PACKAGES)
def test_a_plain_package_name_means_our_package(package: str) -> None:
    file = importlib.import_module(package).__file__
    assert file is not None
    assert Path(file).parent == ROOT / package


def test_the_installed_distribution_is_this_version_and_starts_our_command() -> None:
    installed = distribution("smolwatch")
    assert installed.version == project()["project"]["version"]
    (command,) = installed.entry_points.select(group="console_scripts", name="smolwatch")
    assert callable(command.load())


def test_every_dependency_is_pinned_at_a_version_that_it_allows() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {name.lower().replace("_", "-"): pin for name, sep, pin in (line.partition("==") for line in lines) if sep}
    dependencies = project()["project"]["dependencies"] + project()["project"]["optional-dependencies"]["dev"]
    for requirement in map(Requirement, dependencies):
        assert pins.get(requirement.name.lower(), "0") in requirement.specifier, requirement


def test_the_readme_installs_the_pytorch_that_is_pinned() -> None:
    pinned = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split() if "torch==" in line]
    assert len(pinned) == 1
    assert f"pip install {pinned[0]} " in (ROOT / "README.md").read_text(encoding="utf-8")


def test_no_pytorch_is_allowed_whose_attention_is_wrong_or_that_was_never_tried() -> None:
    """Its attention for tokens on Metal is wrong up to 2.12 (pytorch#181133, #184180)."""
    (torch,) = (
        package for package in map(Requirement, project()["project"]["dependencies"]) if package.name == "torch"
    )
    versions = ("2.11.0", "2.12.1", "2.13.0", "2.14.1", "2.15.2", "2.16.0")
    assert list(torch.specifier.filter(versions)) == ["2.13.0", "2.14.1", "2.15.2"]


def test_every_kind_of_package_data_exists() -> None:
    for package, globs in project()["tool"]["setuptools"]["package-data"].items():
        folder = ROOT / package.replace(".", "/")
        assert [glob for glob in globs if not any(folder.glob(glob))] == []

from __future__ import annotations

from pathlib import Path

from daemon.evaluation.machine import LIBRARIES, cpu_name, machine_facts, version_of


def test_the_processor_has_the_name_that_linux_knows(tmp_path: Path) -> None:
    facts = tmp_path / "cpuinfo"
    facts.write_text("processor\t: 0\nmodel name\t: Fast 9000: the second\nflags\t: fpu\n", encoding="utf-8")
    assert cpu_name(facts) == "Fast 9000: the second"


def test_elsewhere_it_has_the_name_that_python_knows(tmp_path: Path) -> None:
    assert cpu_name(tmp_path / "absent")


def test_every_library_is_named_with_its_version() -> None:
    facts = machine_facts("cpu")
    libraries = facts["libraries"]
    assert isinstance(libraries, dict)
    assert tuple(libraries) == LIBRARIES
    assert all(libraries.values())


def test_a_library_that_is_not_installed_has_no_version() -> None:
    assert version_of("numpy")
    assert version_of("no-such-library") is None

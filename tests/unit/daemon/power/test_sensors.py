from __future__ import annotations

from pathlib import Path

from daemon.power.power_state import PowerSource, PowerState
from daemon.power.sensors import command_output, read_linux, read_mac, read_power
from tests.unit.daemon.power.test_power_state import ON_BATTERY, SAVING


def test_a_mac_is_read_by_its_own_programs() -> None:
    answers = {("pmset", "-g", "batt"): ON_BATTERY, ("pmset", "-g"): SAVING}
    found = read_mac(lambda *command: answers.get(command, "com.apple.system.thermalpressurelevel 2"))
    assert found == PowerState(source=PowerSource.BATTERY, is_saving=True, is_hot=True)


def test_a_mac_that_reports_nothing_counts_as_normal() -> None:
    assert read_mac(lambda *_: "") == PowerState()


def test_linux_is_read_from_its_files(tmp_path: Path) -> None:
    battery = tmp_path / "sys/class/power_supply/BAT0"
    battery.mkdir(parents=True)
    for name, value in (("type", "Battery\n"), ("status", "Discharging\n")):
        (battery / name).write_text(value)
    profile = tmp_path / "sys/firmware/acpi/platform_profile"
    profile.parent.mkdir(parents=True)
    profile.write_text("low-power\n")
    assert read_linux(tmp_path, [(60.0, 100.0)]) == PowerState(source=PowerSource.BATTERY, is_saving=True)
    profile.write_text("balanced\n")
    assert read_linux(tmp_path, [(60.0, 100.0), (97.0, 100.0)]) == PowerState(source=PowerSource.BATTERY, is_hot=True)


def test_a_missing_program_has_no_output() -> None:
    assert command_output("smolwatch-no-such-program") == ""


def test_this_machine_can_be_read() -> None:
    assert isinstance(read_power(), PowerState)

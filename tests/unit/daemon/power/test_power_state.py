"""Parsing of what macOS and Linux report about power and heat."""

from __future__ import annotations

import pytest

from daemon.power.power_state import PowerSource, linux_source, mac_is_hot, mac_is_saving, mac_source

ON_BATTERY = """Now drawing from 'Battery Power'
 -InternalBattery-0 (id=4653155)\t83%; discharging; 5:12 remaining present: true
"""
ON_MAINS = """Now drawing from 'AC Power'
 -InternalBattery-0 (id=4653155)\t100%; charged; 0:00 remaining present: true
"""
ON_UPS = """Now drawing from 'UPS Power'
 -Back-UPS ES 700G FW:871.O4 .I USB FW:O4 (id=2162688)\t100%; discharging; 0:24 remaining present: true
"""
DESKTOP = "Now drawing from 'AC Power'\n"
SAVING = """System-wide power settings:
Currently in use:
 model_status              1
 lowpowermode         1
 sleep                1 (sleep prevented by coreaudiod)
"""


@pytest.mark.parametrize(
    ("output", "source"),
    [
        (ON_BATTERY, PowerSource.BATTERY),
        (ON_MAINS, PowerSource.MAINS),
        (ON_UPS, PowerSource.MAINS),
        (DESKTOP, PowerSource.MAINS),
        ("", None),
    ],
)
def test_macos_reports_its_power_source_and_a_ups_counts_as_mains(output: str, source: PowerSource | None) -> None:
    assert mac_source(output) is source


@pytest.mark.parametrize("name", ["lowpowermode", "powermode", "LowPowerMode", "low power mode"])
def test_low_power_mode_has_several_names(name: str) -> None:
    assert mac_is_saving(SAVING.replace("lowpowermode", name))
    assert not mac_is_saving(SAVING.replace("lowpowermode         1", f"{name}         0"))
    assert not mac_is_saving(SAVING.replace("lowpowermode         1", f"{name}         2")), "2 is high power"


def test_macos_reports_low_power_mode() -> None:
    assert mac_is_saving(SAVING)
    assert not mac_is_saving(SAVING.replace("lowpowermode         1", "lowpowermode         0"))
    assert not mac_is_saving(" lowpowermode         10\n")
    assert not mac_is_saving("")


@pytest.mark.parametrize(("level", "hot"), [("0", False), ("1", False), ("2", True), ("4", True), ("", False)])
def test_macos_is_hot_from_the_level_at_which_it_throttles(level: str, hot: bool) -> None:
    assert mac_is_hot(f"com.apple.system.thermalpressurelevel {level}\n") is hot


MAINS_ON, MAINS_OFF = {"type": "Mains", "online": "1"}, {"type": "Mains", "online": "0"}
FALLING, FULL = {"type": "Battery", "status": "Discharging"}, {"type": "Battery", "status": "Full"}
MOUSE = {"type": "Battery", "scope": "Device", "status": "Discharging"}
UPS = {"type": "UPS", "online": "1", "status": "Discharging"}


@pytest.mark.parametrize(
    ("supplies", "source"),
    [
        ([], None),
        ([MAINS_ON, FULL], PowerSource.MAINS),
        ([MAINS_ON, FALLING], PowerSource.MAINS),
        ([MAINS_OFF, FALLING], PowerSource.BATTERY),
        ([FALLING], PowerSource.BATTERY),
        ([FULL], PowerSource.MAINS),
        ([MOUSE], None),
        ([MAINS_ON, MOUSE], PowerSource.MAINS),
        ([UPS], PowerSource.MAINS),
    ],
)
def test_linux_is_on_battery_while_its_own_discharges_and_no_mains_supply_is_online(
    supplies: list[dict[str, str]], source: PowerSource | None
) -> None:
    assert linux_source(supplies) is source

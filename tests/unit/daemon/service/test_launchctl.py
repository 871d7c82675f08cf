from __future__ import annotations

from pathlib import Path

import pytest

from daemon.errors import ServiceError
from daemon.service.command import CommandResult
from daemon.service.launchctl import GONE_SECONDS, RETRIES, LaunchAgent
from tests.support.service_plans import PLAN

YES = CommandResult(0)
GONE = CommandResult(113, err="Could not find service")
EIO = CommandResult(1, err="Bootstrap failed: 5: Input/output error")


class Launchctl:
    """Answers by verb; `print` of a job by whether it is loaded."""

    def __init__(self, *, loaded: bool = False, leaves: bool = True, bootstrap: CommandResult = YES) -> None:
        self.calls: list[str] = []
        self.loaded = loaded
        self.leaves = leaves
        self.answers = {"bootstrap": bootstrap}

    def __call__(self, *words: str) -> CommandResult:
        self.calls.append(words[0])
        if words[0] == "print":
            return CommandResult(0, "x = {\n\tstate = running\n}") if self.loaded or words[1].count("/") == 1 else GONE
        if words[0] == "bootout" and self.leaves:
            self.loaded = False
        return self.answers.get(words[0], CommandResult(0))


def agent(launchctl: Launchctl, folder: Path, pauses: list[float]) -> LaunchAgent:
    return LaunchAgent(launchctl, uid=501, folder=folder, logs=folder / "logs", label="test", pause=pauses.append)


def test_errno_5_is_retried_five_times_with_growing_pauses_then_with_a_kickstart(tmp_path: Path) -> None:
    launchctl, pauses = Launchctl(bootstrap=EIO), list[float]()
    agent(launchctl, tmp_path, pauses).install(PLAN)
    assert launchctl.calls.count("bootstrap") == 1 + len(RETRIES)
    assert launchctl.calls.count("bootout") == len(RETRIES)
    assert launchctl.calls[-1] == "kickstart"
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0]


def test_when_the_kickstart_fails_too_launchctls_message_is_shown(tmp_path: Path) -> None:
    launchctl = Launchctl(bootstrap=EIO)
    launchctl.answers["kickstart"] = GONE
    with pytest.raises(ServiceError, match="Input/output error"):
        agent(launchctl, tmp_path, []).install(PLAN)


def test_an_errno_5_that_stays_is_reported_with_the_switch_and_the_disk_that_cause_it(tmp_path: Path) -> None:
    launchctl = Launchctl(bootstrap=EIO)
    launchctl.answers["kickstart"] = GONE
    with pytest.raises(ServiceError) as refused:
        agent(launchctl, tmp_path, []).install(PLAN)
    assert "System Settings > General > Login Items & Extensions" in refused.value.advice
    assert "external disk" in refused.value.advice
    assert str(tmp_path / "test.plist") in refused.value.advice


def test_other_refusals_of_launchd_have_other_advice(tmp_path: Path) -> None:
    launchctl = Launchctl(
        bootstrap=CommandResult(1, err="Bootstrap failed: 125: Domain does not support specified action")
    )
    launchctl.answers["kickstart"] = GONE
    with pytest.raises(ServiceError) as refused:
        agent(launchctl, tmp_path, []).install(PLAN)
    assert "Login Items" not in refused.value.advice


def test_a_job_that_does_not_end_is_waited_for_and_then_reported(tmp_path: Path) -> None:
    launchctl, pauses = Launchctl(loaded=True, leaves=False), list[float]()
    with pytest.raises(ServiceError, match="still has test"):
        agent(launchctl, tmp_path, pauses).stop()
    assert sum(pauses) == GONE_SECONDS
    assert launchctl.calls.count("bootout") == 1


def test_a_label_of_its_own_can_be_tried_without_touching_the_service(tmp_path: Path) -> None:
    trial = agent(Launchctl(), tmp_path, [])
    trial.install(PLAN)
    assert [file.name for file in tmp_path.glob("*.plist")] == ["test.plist"]
    trial.uninstall()
    assert list(tmp_path.glob("*.plist")) == []

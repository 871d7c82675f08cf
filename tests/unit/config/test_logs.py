from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from config.load import load_settings
from config.logs import KEPT, LogFile, set_up_logs
from config.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path, environ={})


@pytest.fixture(autouse=True)
def silent_again() -> Iterator[None]:
    yield
    logger.remove()


def written(settings: Settings) -> str:
    return (settings.log_folder / "smolwatch.log").read_text(encoding="utf-8")


def test_a_record_is_one_line_with_time_level_role_and_text(settings: Settings) -> None:
    set_up_logs(settings, role="daemon", console=False)
    logger.info("A file was queued: {}", "beach.mov")
    assert written(settings).endswith("] A file was queued: beach.mov\n")
    assert " INFO    daemon[" in written(settings)


def test_a_name_cannot_forge_a_line_nor_steer_a_terminal(settings: Settings) -> None:
    set_up_logs(settings, role="daemon", console=False)
    logger.info("Queued: {}", "a\n2026-01-01 INFO forged\x1b[2J\u202e.jpg")
    assert written(settings).count("\n") == 1
    assert r"a\x0a2026-01-01 INFO forged\x1b[2J\u202e.jpg" in written(settings)


def test_braces_and_markup_in_a_message_are_only_text(settings: Settings) -> None:
    set_up_logs(settings, role="daemon", console=False)
    logger.info("{name} <red>{0}</red>")
    assert written(settings).endswith("{name} <red>{0}</red>\n")


def test_an_exception_is_logged_on_the_line_of_its_message(settings: Settings) -> None:
    set_up_logs(settings, role="worker", console=False)
    try:
        raise ValueError("not this")
    except ValueError:
        logger.exception("It failed.")
    assert written(settings).count("\n") == 1
    assert "It failed. | Traceback" in written(settings)
    assert written(settings).endswith("ValueError: not this\n")


def test_records_below_the_level_are_left_out(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, environ={}, overrides={"log.level": "WARNING"})
    set_up_logs(settings, role="daemon", console=False)
    logger.info("quiet")
    logger.warning("loud")
    assert "quiet" not in written(settings)
    assert "loud" in written(settings)


def test_the_console_gets_the_same_lines_only_on_request(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs(settings, role="daemon", console=False)
    logger.info("first")
    set_up_logs(settings, role="daemon", console=True)
    logger.info("second")
    stderr = capsys.readouterr().err
    assert "first" not in stderr
    assert stderr.count("second") == 1
    assert stderr in written(settings)


def test_the_log_is_for_its_owner_only(settings: Settings) -> None:
    set_up_logs(settings, role="daemon", console=False)
    logger.info("secret")
    assert stat.S_IMODE((settings.log_folder / "smolwatch.log").stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.log_folder.stat().st_mode) == 0o700


def test_a_log_that_cannot_be_written_stops_nobody(settings: Settings) -> None:
    settings.log_folder.write_text("a file where the folder should be")
    set_up_logs(settings, role="daemon", console=False)
    logger.info("lost")


def test_a_log_never_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("")
    (tmp_path / "log").symlink_to(tmp_path / "theirs")
    LogFile(tmp_path / "log").write("ours\n")
    assert (tmp_path / "theirs").read_text() == ""


def test_a_full_log_is_rotated_and_only_the_last_ones_are_kept(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log", max_bytes=8)
    for number in range(KEPT + 4):
        log.write(f"line {number:03}\n")
    log.close()
    numbered = sorted(file.name for file in tmp_path.iterdir())
    assert numbered == ["log", *(f"log.{number}" for number in range(1, KEPT + 1))]
    assert (tmp_path / "log").read_text() == f"line {KEPT + 3:03}\n"
    assert (tmp_path / "log.1").read_text() == f"line {KEPT + 2:03}\n"


def test_a_log_that_another_process_rotated_is_followed(tmp_path: Path) -> None:
    ours, theirs = LogFile(tmp_path / "log", max_bytes=8), LogFile(tmp_path / "log", max_bytes=8)
    ours.write("line one\n")
    theirs.write("line two\n")
    ours.write("line three\n")
    ours.close()
    theirs.close()
    assert [(tmp_path / name).read_text() for name in ("log.2", "log.1", "log")] == [
        "line one\n",
        "line two\n",
        "line three\n",
    ]


def test_writers_that_rotate_the_log_together_lose_no_line(tmp_path: Path) -> None:
    writers, lines = 3, 8
    logs = [LogFile(tmp_path / "log", max_bytes=100) for _ in range(writers)]

    def write(name: int) -> None:
        for number in range(lines):
            logs[name].write(f"writer {name} line {number}\n")

    threads = [threading.Thread(target=write, args=(name,)) for name in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for log in logs:
        log.close()
    found = "".join(file.read_text() for file in tmp_path.iterdir()).splitlines()
    assert sorted(found) == sorted(f"writer {name} line {number}" for name in range(writers) for number in range(lines))

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from config.settings import Settings
from daemon.asking.opening import Open
from daemon.errors import MediaError
from daemon.evaluation.measuring.measurements import measured
from daemon.evaluation.measuring.situation import Situation
from daemon.inference.echo_engine import EchoEngine
from daemon.media.clip import Clip
from tests.fakes.clock import START

FACTS = {"suite": "mine", "case": "case", "category": "mine", "plan": (), "finished_at": START}


def no_file(*_: object) -> Clip:
    raise MediaError("The file is damaged.")


def situation(tmp_path: Path, *files: bytes, open_file: Open = no_file) -> Situation:
    engine = EchoEngine()
    settings = Settings(home=tmp_path)
    return Situation(
        settings=settings,
        engine=engine,
        info=engine.load(),
        open_file=open_file,
        files=files,
        count=3,
        load_seconds=0.5,
        new_engine=lambda _: EchoEngine(),
        timed_engine=lambda _: EchoEngine(),
    )


def test_nothing_imports_torch_before_its_environment_is_set() -> None:
    code = "import sys, daemon.evaluation.session; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_that_cannot_be_opened_is_the_measurements_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    result = measured("one-picture", situation(tmp_path, str(tmp_path / "a.png").encode()), FACTS)
    assert result.score == 0
    assert "The file is damaged." in (result.error or "")


def test_a_measurement_of_a_file_without_one_says_so(tmp_path: Path) -> None:
    assert "give the case some media" in (measured("url-and-file", situation(tmp_path), FACTS).error or "")


def test_an_engine_without_weights_has_nothing_to_load(tmp_path: Path) -> None:
    echo = situation(tmp_path).settings.model.model_copy(update={"engine": "echo"})
    loading = situation(tmp_path)
    settings = loading.settings.model_copy(update={"model": echo})
    found = measured("model-load", Situation(**{**vars(loading), "settings": settings}), FACTS)
    assert found.skipped == "This engine has no weights."


def test_requests_without_media_are_asked_about_nothing(tmp_path: Path) -> None:
    result = measured("concurrent-requests", situation(tmp_path), FACTS)
    assert [check.passed for check in result.checks] == [True]
    assert {figure.name for figure in result.figures} == {"one by one", "all at once", "equal answers"}

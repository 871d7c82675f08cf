"""`pull` against a hub on the loopback, in a process of its own as the hub's library reads its settings at import."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.hub import FakeHub, running
from tests.support.golden import REAL_FILES

NAME, REVISION = "someone/tiny", "0123456789abcdef0123456789abcdef01234567"
#: Larger than the pieces, of 10 MiB, in which the library writes to disk.
WEIGHTS = bytes(range(256)) * 100_000
ENOUGH = 15_000_000
RESUME = (
    "Check your internet connection and run `SMOLWATCH_MODEL__ID=someone/tiny smolwatch model pull` again; it resumes."
)
PULL = """
import json, sys
from pathlib import Path
from config.errors import ModelUnavailableError
from config.settings import ModelSettings, Settings
from daemon.inference.weights import sources
settings = Settings(home=Path("."), model=ModelSettings(id=sys.argv[1], revision=sys.argv[2]))
heard = []
try:
    found = sources.pull(settings, lambda here, total: heard.append((here, total)))
    told = {"path": str(found.path), "id": found.id, "revision": found.revision, "heard": heard}
    told["found"] = str(sources.find_model(settings).path)
except ModelUnavailableError as error:
    told = {"error": str(error), "advice": error.advice}
print(json.dumps(told))
"""


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    files = {file.name: file.read_bytes() for file in REAL_FILES.glob("*config.json")}
    files |= {"tokenizer.json": b"{}", "model.safetensors": WEIGHTS, "README.md": b"words", "onnx/model.onnx": b"other"}
    with running(FakeHub(REVISION, files)) as hub:
        yield hub


def environment(endpoint: str, cache: Path) -> dict[str, str]:
    mine = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "SMOLWATCH_"))}
    return mine | {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONWARNINGS": "error",
    }


def pull(
    hub: FakeHub, cache: Path, name: str = NAME, revision: str = REVISION, *, offline: bool = False
) -> dict[str, Any]:
    environ = environment(hub.url, cache) | ({"HF_HUB_OFFLINE": "1"} if offline else {})
    done = subprocess.run(
        [sys.executable, "-c", PULL, name, revision], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "the library's own lines are not for people"
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_pull_fetches_the_checkpoint_and_nothing_else(hub: FakeHub, tmp_path: Path) -> None:
    told = pull(hub, tmp_path)
    folder = Path(told["path"])
    assert told["found"] == told["path"]
    assert (told["id"], told["revision"]) == (NAME, REVISION)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert not (folder / "README.md").exists()
    assert not (folder / "onnx").exists()
    assert list(tmp_path.rglob("*.part")) == []


def test_progress_grows_to_the_whole(hub: FakeHub, tmp_path: Path) -> None:
    heard = pull(hub, tmp_path)["heard"]
    here = [count for count, _ in heard]
    total = sum(len(content) for name, content in hub.files.items() if name not in ("README.md", "onnx/model.onnx"))
    assert here == sorted(here)
    assert heard[-1] == [total, total]


def test_a_broken_off_pull_goes_on_where_it_was(hub: FakeHub, tmp_path: Path) -> None:
    hub.break_after = ENOUGH
    told = pull(hub, tmp_path)
    assert "could not be downloaded" in told["error"]
    assert told["advice"] == RESUME
    (part,) = tmp_path.rglob("*.part")
    kept = part.stat().st_size
    assert ENOUGH / 2 < kept <= ENOUGH
    hub.break_after = None
    hub.ranges.clear()
    told = pull(hub, tmp_path)
    assert hub.ranges == [f"bytes={kept}-"]
    assert (Path(told["path"]) / "model.safetensors").read_bytes() == WEIGHTS


def test_a_second_pull_fetches_nothing_big_again(hub: FakeHub, tmp_path: Path) -> None:
    pull(hub, tmp_path)
    hub.ranges.clear()
    assert "error" not in pull(hub, tmp_path)
    assert hub.ranges == []


def test_what_arrives_damaged_is_removed_and_said(hub: FakeHub, tmp_path: Path) -> None:
    hub.break_after = ENOUGH
    pull(hub, tmp_path)
    (part,) = tmp_path.rglob("*.part")
    part.write_bytes(b"x" * part.stat().st_size)
    hub.break_after = None
    assert "arrived damaged" in pull(hub, tmp_path)["error"]
    assert list(tmp_path.rglob("*.part")) == []
    assert "error" not in pull(hub, tmp_path)


def test_a_hub_that_holds_other_weights_than_the_pinned_ones_is_not_believed(hub: FakeHub, tmp_path: Path) -> None:
    from config.settings import DEFAULT_MODEL, DEFAULT_REVISION

    hub.name, hub.revision = DEFAULT_MODEL, DEFAULT_REVISION
    told = pull(hub, tmp_path, DEFAULT_MODEL, DEFAULT_REVISION)
    assert "not the published one" in told["error"]
    assert hub.ranges == []


def test_where_downloads_are_switched_off_the_variable_is_named(hub: FakeHub, tmp_path: Path) -> None:
    told = pull(hub, tmp_path, offline=True)
    assert told["error"] == f"{NAME} cannot be downloaded: HF_HUB_OFFLINE is set."
    assert told["advice"].startswith("Unset it")


def test_a_model_that_the_hub_lacks_is_not_a_matter_of_the_network(hub: FakeHub, tmp_path: Path) -> None:
    told = pull(hub, tmp_path, "someone/tinny")
    assert told["error"] == "The Hugging Face hub has no model someone/tinny, or it is private."
    assert "model.id" in told["advice"]


def test_a_revision_that_the_hub_lacks_is_named(hub: FakeHub, tmp_path: Path) -> None:
    told = pull(hub, tmp_path, revision="f" * 40)
    assert told["error"] == f"The Hugging Face hub has no revision {'f' * 40} of {NAME}."
    assert "model.revision" in told["advice"]


def test_a_failure_of_the_hub_is_one_sentence_without_its_address(hub: FakeHub, tmp_path: Path) -> None:
    hub.status = 403
    told = pull(hub, tmp_path)
    assert told["error"].startswith(f"{NAME} could not be downloaded: ")
    assert hub.url not in told["error"]
    assert "\n" not in told["error"]
    assert told["advice"] == RESUME


def test_without_a_network_the_command_says_so_at_once_in_one_line(tmp_path: Path) -> None:
    environ = environment(f"http://127.0.0.1:{unused_port()}", tmp_path)
    command = [sys.executable, "-m", "cli.main", "--home", str(tmp_path / "home"), "model", "pull"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 6
    assert done.stdout == ""
    assert done.stderr == (
        "smolwatch: The Hugging Face hub cannot be reached (Connection refused).\n"
        "  Check your internet connection and run `smolwatch model pull` again; it resumes.\n"
    )


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])

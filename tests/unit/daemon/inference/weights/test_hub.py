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

from config.settings import DEFAULT_REVISION
from daemon.inference.weights.published_models import published
from tests.fakes.hub import FakeHub, running
from tests.support.golden import REAL_FILES

NAME, REVISION = "someone/tiny", "0123456789abcdef0123456789abcdef01234567"
#: Larger than the pieces, of 10 MiB, in which the library writes to disk.
WEIGHTS = bytes(range(256)) * 100_000
ENOUGH = 15_000_000
RESUME = "Check your internet connection and run `smolwatch model pull someone/tiny` again; it resumes."
PULL = """
import json, sys
from pathlib import Path
from config.errors import ModelUnavailableError
from config.settings import ModelSettings, Settings
from daemon.inference.weights import sources
settings = Settings(home=Path("."), model=ModelSettings(id=sys.argv[1], revision=sys.argv[2]))
progress = []
try:
    found = sources.pull(settings, lambda here, total: progress.append((here, total)))
    result = {"path": str(found.path), "id": found.id, "revision": found.revision, "progress": progress}
    result["found"] = str(sources.find_model(settings).path)
except ModelUnavailableError as error:
    result = {"error": str(error), "advice": error.advice}
print(json.dumps(result))
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
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_a_pull_fetches_the_checkpoint_and_nothing_else(hub: FakeHub, tmp_path: Path) -> None:
    result = pull(hub, tmp_path)
    folder = Path(result["path"])
    assert result["found"] == result["path"]
    assert (result["id"], result["revision"]) == (NAME, REVISION)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert not (folder / "README.md").exists()
    assert not (folder / "onnx").exists()
    assert list(tmp_path.rglob("*.part")) == []


def test_progress_grows_to_the_whole(hub: FakeHub, tmp_path: Path) -> None:
    progress = pull(hub, tmp_path)["progress"]
    here = [count for count, _ in progress]
    total = sum(len(content) for name, content in hub.files.items() if name not in ("README.md", "onnx/model.onnx"))
    assert here == sorted(here)
    assert progress[-1] == [total, total]


def test_a_broken_off_pull_goes_on_where_it_was(hub: FakeHub, tmp_path: Path) -> None:
    hub.break_after = ENOUGH
    result = pull(hub, tmp_path)
    assert "could not be downloaded" in result["error"]
    assert result["advice"] == RESUME
    (part,) = tmp_path.rglob("*.part")
    kept = part.stat().st_size
    assert ENOUGH / 2 < kept <= ENOUGH
    hub.break_after = None
    hub.ranges.clear()
    result = pull(hub, tmp_path)
    assert hub.ranges == [f"bytes={kept}-"]
    assert (Path(result["path"]) / "model.safetensors").read_bytes() == WEIGHTS


def test_a_second_pull_fetches_nothing_big_again(hub: FakeHub, tmp_path: Path) -> None:
    pull(hub, tmp_path)
    hub.ranges.clear()
    assert "error" not in pull(hub, tmp_path)
    assert hub.ranges == []


def test_a_damaged_download_is_removed_and_reported(hub: FakeHub, tmp_path: Path) -> None:
    hub.break_after = ENOUGH
    pull(hub, tmp_path)
    (part,) = tmp_path.rglob("*.part")
    part.write_bytes(b"x" * part.stat().st_size)
    hub.break_after = None
    assert "arrived damaged" in pull(hub, tmp_path)["error"]
    assert list(tmp_path.rglob("*.part")) == []
    assert "error" not in pull(hub, tmp_path)


def test_a_hub_that_holds_other_weights_than_the_pinned_ones_is_not_believed(hub: FakeHub, tmp_path: Path) -> None:
    from config.settings import DEFAULT_MODEL

    hub.name, hub.revision = DEFAULT_MODEL, DEFAULT_REVISION
    result = pull(hub, tmp_path, DEFAULT_MODEL, DEFAULT_REVISION)
    assert "not the published one" in result["error"]
    assert hub.ranges == []


@pytest.mark.parametrize("short", ["256m", "2.2B"])
def test_a_short_name_stands_for_its_repository_and_commit(hub: FakeHub, tmp_path: Path, short: str) -> None:
    """The hub's file is of that commit, but not the published one."""
    model = published(short)
    assert model is not None
    hub.name, hub.revision = model.repository, model.revision
    hub.files |= dict.fromkeys(model.sha256, WEIGHTS[:100])
    result = pull(hub, tmp_path, short, DEFAULT_REVISION)
    assert f"of {model.repository} is not the published one" in result["error"]


def test_a_short_name_with_a_commit_of_ones_own_is_fetched_with_all_its_shards(hub: FakeHub, tmp_path: Path) -> None:
    large = published("2.2b")
    assert large is not None
    hub.name = large.repository
    del hub.files["model.safetensors"]
    hub.files |= {file: file.encode() for file in large.sha256} | {"model.safetensors.index.json": b"{}"}
    result = pull(hub, tmp_path, "2.2b", REVISION)
    assert (result["id"], result["revision"]) == (large.repository, REVISION)
    assert {file.name for file in Path(result["path"]).glob("*.safetensors")} == set(large.sha256)
    assert result["found"] == result["path"]


def test_a_name_is_pulled_instead_of_the_chosen_model(hub: FakeHub, tmp_path: Path) -> None:
    hub.revision = DEFAULT_REVISION
    command = [sys.executable, "-m", "cli.main", "--home", str(tmp_path / "home"), "model", "pull", NAME]
    environ = environment(hub.url, tmp_path / "cache")
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{NAME} is here: {tmp_path / 'cache'}")
    assert done.stdout.splitlines()[1] == f"Use it with: smolwatch run --model {NAME}"


def test_where_downloads_are_switched_off_the_variable_is_named(hub: FakeHub, tmp_path: Path) -> None:
    result = pull(hub, tmp_path, offline=True)
    assert result["error"] == f"{NAME} cannot be downloaded: HF_HUB_OFFLINE is set."
    assert result["advice"].startswith("Unset it")


def test_a_model_that_the_hub_lacks_is_not_a_matter_of_the_network(hub: FakeHub, tmp_path: Path) -> None:
    result = pull(hub, tmp_path, "someone/tinny")
    assert result["error"] == "The Hugging Face hub has no model someone/tinny, or it is private."
    assert "model.id" in result["advice"]


def test_a_revision_that_the_hub_lacks_is_named(hub: FakeHub, tmp_path: Path) -> None:
    result = pull(hub, tmp_path, revision="f" * 40)
    assert result["error"] == f"The Hugging Face hub has no revision {'f' * 40} of {NAME}."
    assert "model.revision" in result["advice"]


def test_a_failure_of_the_hub_is_one_sentence_without_its_address(hub: FakeHub, tmp_path: Path) -> None:
    hub.status = 403
    result = pull(hub, tmp_path)
    assert result["error"].startswith(f"{NAME} could not be downloaded: ")
    assert hub.url not in result["error"]
    assert "\n" not in result["error"]
    assert result["advice"] == RESUME


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

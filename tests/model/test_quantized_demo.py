"""The demo model in 8 and 4 bits, as `smolwatch model quantize` stores it: read back, run, and how well it captions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest

from config.recipes import load_recipe
from config.settings import ModelSettings, Settings
from daemon.inference.registry import make_engine
from daemon.inference.weights.sources import DEMO
from storage.lifecycle import JobState
from tests.model.conftest import asking
from tests.model.test_demo_captions import only, right_share
from tests.support.demo_world.gallery import Exhibit, pictures
from tests.support.demo_world.world import Picture
from tests.support.processes import DaemonHome
from tests.support.quantized import check_stored

#: No other test and no training draws with it.
SEED = 48
#: What 8 bits may cost: 2 of 100 captions. With few pictures one more is chance.
MOST_LOST = 0.02
ASKED = load_recipe().image
BITS = [8, pytest.param(4, marks=pytest.mark.slow)]
Quantize = Callable[[int], Path]


@pytest.fixture(scope="module")
def quantize(tmp_path_factory: pytest.TempPathFactory) -> Quantize:
    """The folder of the demo model in so many bits, made by the command; each is made once."""
    folder = tmp_path_factory.mktemp("quantized")
    home = DaemonHome(folder / "home")

    @cache
    def made(bits: int) -> Path:
        target = folder / f"demo in {bits} bits"
        done = home.invoke("model", "quantize", str(target), "--bits", str(bits), "--model", "demo")
        assert done.returncode == 0, done.stderr
        return target

    return made


@pytest.mark.parametrize("bits", BITS)
def test_what_the_command_stores_is_read_back_tensor_by_tensor(quantize: Quantize, bits: int) -> None:
    check_stored(quantize(bits), DEMO, bits)


@pytest.mark.parametrize("bits", BITS)
def test_a_quantized_model_describes_files_in_the_daemon_and_answers_a_question(
    quantize: Quantize, bits: int, tmp_path: Path
) -> None:
    folder = quantize(bits)
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_MODEL__ENGINE": "mlx", "SMOLWATCH_MODEL__ID": str(folder)})
    shown = pictures(home.inbox, seed=SEED, count=2)
    once = home.invoke("run", "--once")
    assert once.returncode == 0, once.stderr
    jobs = home.jobs()
    assert [jobs[exhibit.file.name].state for exhibit in shown] == [JobState.DONE] * 2
    with home.reading() as library:
        found = [library.description(jobs[exhibit.file.name].id) for exhibit in shown]
    for exhibit, description in zip(shown, found, strict=True):
        assert description is not None
        assert (description.model.engine, description.model.id) == ("mlx", folder.name)
        assert description.model.dtype == f"int{bits}"
        assert bits == 4 or description.answers["caption"] == exhibit.scene.caption
    scene = shown[0].scene
    assert isinstance(scene, Picture)
    question, truth = scene.questions()[0]
    asked = home.invoke("ask", str(shown[0].file), question)
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.strip() == truth


def share_of(folder: Path, precision: str, shown: list[Exhibit], home: Path) -> float:
    """The share of these pictures that MLX captions truly with this checkpoint."""
    model = ModelSettings.model_validate({"id": str(folder), "engine": "mlx", "rows": 16, "precision": precision})
    with closing(make_engine(Settings(home=home, model=model))) as engine:
        info = engine.load()
        with asking(engine, info) as ask:
            return right_share(shown, ask(shown, only(ASKED, "caption")), "caption")


@pytest.mark.parametrize("count", [20, pytest.param(400, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_8_bits_caption_as_well_as_16(quantize: Quantize, count: int, tmp_path: Path) -> None:
    """4 bits are worse; their share is printed. Beside fewer bits MLX's CPU build is four times faster in float32."""
    shown = pictures(tmp_path, seed=SEED, count=count)
    shares = {16: share_of(DEMO, "bf16", shown, tmp_path)}
    for bits in (8, 4) if count > 100 else (8,):
        shares[bits] = share_of(quantize(bits), "f32", shown, tmp_path)
    for bits, share in shares.items():
        print(f"{bits} bits: {share:.4f} of {count} captioned exactly")
    assert shares[8] >= shares[16] - max(MOST_LOST, 1 / count)

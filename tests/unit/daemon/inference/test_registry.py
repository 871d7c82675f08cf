"""Which engine the settings name, what it needs, and under which identity it describes."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest

from config.errors import ModelUnavailableError
from config.recipes import load_recipe
from config.settings import ModelSettings, Settings
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Reply
from daemon.inference.registry import ENGINES, check_weights, engine_entry, make_engine, model_key
from tests.contracts.test_engine import picture
from tests.unit.daemon.inference.weights.test_sources import cache, put_checkpoint, settings_for  # noqa: F401


def test_every_engine_that_the_settings_allow_is_registered_under_its_name() -> None:
    names = get_args(ModelSettings.model_fields["engine"].annotation)
    assert {"auto", *ENGINES} == set(names)
    assert [entry.name for entry in ENGINES.values()] == list(ENGINES)
    assert all(engine_entry(settings_for(engine=name)).name == name for name in names)


@pytest.mark.usefixtures("cache")
def test_only_an_engine_that_needs_weights_is_checked_for_them() -> None:
    check_weights(settings_for(engine="echo"))
    with pytest.raises(ModelUnavailableError, match="not on this machine"):
        check_weights(settings_for())


@pytest.mark.usefixtures("cache")
def test_the_echo_engine_needs_no_model_and_has_a_key_of_its_own() -> None:
    assert isinstance(make_engine(settings_for(engine="echo")), EchoEngine)
    assert model_key(settings_for(engine="echo")) == "echo@1"
    info = make_engine(settings_for(engine="echo")).load()
    assert f"{info.model_id}@{info.revision}" == "echo@1"


def test_the_daemon_and_the_bench_run_the_same_engine(tmp_path: Path) -> None:
    settings = settings_for(id=str(put_checkpoint(tmp_path / "mine")))
    engines = [make_engine(settings, stop_at_end=stop_at_end) for stop_at_end in (True, False)]
    assert [type(engine).__name__ for engine in engines] == ["BatchEngine"] * 2


def test_a_model_s_answers_run_to_their_limits_only_if_stop_at_end_is_off(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, model=ModelSettings(id="demo", device="cpu"))
    caption = load_recipe().image[0]
    for stop_at_end in (True, False):
        with closing(make_engine(settings, stop_at_end=stop_at_end)) as engine:
            engine.load()
            engine.submit(picture("a", questions=(caption,)))
            replies = list[Reply]()
            while not replies:
                replies = engine.step()
        assert replies[0].error is None
        assert (replies[0].answers["caption"].tokens == caption.tokens) is not stop_at_end


@pytest.mark.usefixtures("cache")
def test_an_engine_without_weights_is_not_made() -> None:
    with pytest.raises(ModelUnavailableError, match="not on this machine"):
        make_engine(settings_for())


def test_naming_models_imports_none_of_their_libraries() -> None:
    """`smolwatch status` must answer at once."""
    script = (
        "import json, sys; import daemon.inference.weights.sources, daemon.inference.registry; "
        "heavy = ('torch', 'mlx', 'transformers', 'huggingface_hub', 'tokenizers'); "
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []

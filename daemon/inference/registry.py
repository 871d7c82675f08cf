"""The engines that settings may name, by name. Importing this imports no library of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from config.settings import Settings
from daemon.inference.weights.sources import find_model, identity_of

if TYPE_CHECKING:
    from daemon.inference.engine import Engine
    from daemon.inference.runner_loader import RunnerLoader


@dataclass(frozen=True, kw_only=True)
class EngineEntry:
    """`identity`: model id and revision, under which descriptions are stored; known without the weights.

    `make`: an engine that is not loaded yet; raises ModelUnavailableError without weights. Its second argument is
    `stop_at_end`.
    """

    name: str
    needs_weights: bool
    identity: Callable[[Settings], tuple[str, str]]
    make: Callable[[Settings, bool], Engine]


def make_echo(settings: Settings, _: bool) -> Engine:
    from daemon.inference.echo_engine import EchoEngine

    return EchoEngine(detail=settings.model.detail, rows=settings.model.rows)


def make_torch(settings: Settings, stop_at_end: bool) -> Engine:
    return make_batch_engine(settings, torch_loader, stop_at_end)


def make_mlx(settings: Settings, stop_at_end: bool) -> Engine:
    from daemon.inference.engine_choice import require_mlx

    require_mlx()
    return make_batch_engine(settings, mlx_loader, stop_at_end)


def make_auto(settings: Settings, stop_at_end: bool) -> Engine:
    return make_batch_engine(settings, auto_loader, stop_at_end)


def make_batch_engine(settings: Settings, loader: Callable[[Settings], RunnerLoader[Any]], stop_at_end: bool) -> Engine:
    model, chosen = find_model(settings), settings.model
    from daemon.inference.batch_engine import BatchEngine
    from daemon.inference.features.feature_cache import DISK_BYTES, FeatureCache
    from daemon.inference.features.feature_files import FeatureFiles

    files = FeatureFiles(settings.feature_folder, max_bytes=DISK_BYTES, keep_free=settings.work.keep_free_bytes)
    return BatchEngine(
        model,
        loader(settings),
        detail=chosen.detail,
        rows=chosen.rows,
        features=FeatureCache(files) if stop_at_end else None,
        control=stop_at_end,
        stop_at_end=stop_at_end,
    )


def torch_loader(settings: Settings) -> RunnerLoader[Any]:
    from daemon.inference.device_verdicts import DeviceVerdicts
    from daemon.inference.torch.loader import TorchLoader

    chosen = settings.model
    return TorchLoader(device=chosen.device, precision=chosen.precision, verdicts=DeviceVerdicts(settings.device_file))


def mlx_loader(settings: Settings) -> RunnerLoader[Any]:
    from daemon.inference.device_verdicts import DeviceVerdicts
    from daemon.inference.mlx.loader import MlxLoader

    chosen = settings.model
    return MlxLoader(device=chosen.device, precision=chosen.precision, verdicts=DeviceVerdicts(settings.mlx_file))


def auto_loader(settings: Settings) -> RunnerLoader[Any]:
    from daemon.inference.engine_choice import AutoLoader, reason_against_mlx

    return AutoLoader(
        lambda: mlx_loader(settings),
        lambda: torch_loader(settings),
        against_mlx=reason_against_mlx(settings.model.device),
    )


def echo_identity(_: Settings) -> tuple[str, str]:
    from daemon.inference.echo_engine import ECHO_ID, ECHO_REVISION

    return ECHO_ID, ECHO_REVISION


def checkpoint_identity(settings: Settings) -> tuple[str, str]:
    return identity_of(settings.model.id, settings.model.revision)


ENGINES = {
    entry.name: entry
    for entry in (
        EngineEntry(name="torch", needs_weights=True, identity=checkpoint_identity, make=make_torch),
        EngineEntry(name="mlx", needs_weights=True, identity=checkpoint_identity, make=make_mlx),
        EngineEntry(name="echo", needs_weights=False, identity=echo_identity, make=make_echo),
    )
}


#: Which engine it is, is known once it is loaded.
AUTO = EngineEntry(name="auto", needs_weights=True, identity=checkpoint_identity, make=make_auto)


def engine_entry(settings: Settings) -> EngineEntry:
    """The engine that the settings name."""
    return ENGINES.get(settings.model.engine, AUTO)


def make_engine(settings: Settings, *, stop_at_end: bool = True) -> Engine:
    """An engine that is not loaded yet; raises ModelUnavailableError when there are no weights for it.

    Without `stop_at_end` answers run to their limits, no image features are kept, and the model is not checked with
    control tiles: for runs that are timed.
    """
    return engine_entry(settings).make(settings, stop_at_end)


def model_key(settings: Settings) -> str:
    """ "id@revision", under which descriptions are stored; known also while the weights are not on this machine."""
    return "@".join(engine_entry(settings).identity(settings))


def check_weights(settings: Settings) -> None:
    """Raises ModelUnavailableError, with advice, when the engine needs weights that are not on this machine."""
    if engine_entry(settings).needs_weights:
        find_model(settings)

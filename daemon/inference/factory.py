"""Settings -> the engine that they name. The model's libraries are imported only when one is made."""

from __future__ import annotations

from config.settings import Settings
from daemon.inference.engine import Engine
from daemon.inference.weights.sources import find_model


def make_engine(settings: Settings, *, stop_at_end: bool = True) -> Engine:
    """An engine that is not loaded yet; raises ModelUnavailableError when there are no weights for it.

    Without `stop_at_end` a model's answers go on to their limits and are left as they are, for runs that are timed.
    """
    chosen = settings.model
    if chosen.engine == "echo":
        from daemon.inference.echo_engine import EchoEngine

        return EchoEngine(detail=chosen.detail, rows=chosen.rows)
    model = find_model(settings)
    from daemon.inference.batch_engine import TorchEngine
    from daemon.inference.reask import ReaskingEngine
    from daemon.inference.torch.device_verdicts import DeviceVerdicts

    engine = TorchEngine(
        model.path,
        model_id=model.id,
        revision=model.revision,
        device=chosen.device,
        precision=chosen.precision,
        detail=chosen.detail,
        rows=chosen.rows,
        stop_at_end=stop_at_end,
        verdicts=DeviceVerdicts(settings.device_file),
    )
    return ReaskingEngine(engine) if stop_at_end else engine

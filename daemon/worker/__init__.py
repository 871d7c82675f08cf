"""The worker process. It holds the model and asks it about one claimed file after the other.

Import it in that process only: it needs the decoder and the engine.
"""

from __future__ import annotations

from daemon.worker.process import run_worker

__all__ = ["run_worker"]

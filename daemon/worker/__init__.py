"""The worker process: holds the model, and describes claimed files with it.

Import it in that process only: it loads the decoder and the engine.
"""

from __future__ import annotations

from daemon.worker.process import run_worker

__all__ = ["run_worker"]

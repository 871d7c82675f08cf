"""The root of the error tree. Every class has an exit code and advice for the user.

SmolwatchError                    1
├── ConfigError                  78   a setting is wrong
├── NotFoundError                 3   nothing matches
├── DaemonNotRunningError         4
├── PermissionDeniedError         5   the system denies reading or writing
├── ModelUnavailableError         6   no weights, or they cannot be loaded
│   └── UnknownModelError         6   the name cannot be a model
├── PausedError                   1   work waits until it is resumed
├── AlreadyRunningError          75   another daemon holds this home
├── StorageError                 78   the database cannot be used (storage/errors.py)
├── MediaError                    1   a file cannot be decoded (daemon/errors.py)
├── EngineError                   1   the model failed (daemon/errors.py)
│   └── PromptError               1   the model cannot take the prompt (daemon/errors.py)
├── FetchError                    1   a URL could not be downloaded (daemon/errors.py)
│   └── RefusedUrlError           5   a rule forbids the download (daemon/errors.py)
└── ServiceError                  1   launchd or systemd failed (daemon/errors.py)
"""

from __future__ import annotations


class SmolwatchError(Exception):
    """Something went wrong in smolwatch."""

    exit_code = 1
    advice = ""

    def __init__(self, message: str = "", *, advice: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])
        if advice:
            self.advice = advice


class ConfigError(SmolwatchError):
    """The configuration is not valid."""

    exit_code = 78


class NotFoundError(SmolwatchError):
    """Nothing matches."""

    exit_code = 3


class DaemonNotRunningError(SmolwatchError):
    """No daemon is running for this home."""

    exit_code = 4
    advice = "Start it with: smolwatch run"


class PermissionDeniedError(SmolwatchError):
    """The system does not allow this."""

    exit_code = 5


class ModelUnavailableError(SmolwatchError):
    """The model's weights are not here or cannot be loaded."""

    exit_code = 6
    advice = "Fetch them with: smolwatch model pull"


class UnknownModelError(ModelUnavailableError):
    """The name is neither "demo", nor a short name, nor an existing folder, nor of the form of a hub name."""

    advice = (
        'Give "demo", 256m, 500m or 2.2b, a folder that holds a checkpoint, or a name on the Hugging Face hub, '
        "such as HuggingFaceTB/SmolVLM2-500M-Video-Instruct."
    )


class PausedError(SmolwatchError):
    """Work is paused, so no file is described."""

    advice = "Continue with: smolwatch resume"


class AlreadyRunningError(SmolwatchError):
    """Another daemon already runs for this home."""

    exit_code = 75

"""Failures of the running daemon. `cause` decides what the retry policy does with the job."""

from __future__ import annotations

from config.errors import SmolwatchError
from storage.lifecycle import Cause


class MediaError(SmolwatchError):
    """A file could not be decoded. `code` is stable; the message is a sentence for people.

    `detail`: the message of the library that failed, for programs and bug reports.
    """

    code = "unreadable"
    cause = Cause.INPUT

    def __init__(self, message: str = "", *, advice: str = "", detail: str = "") -> None:
        super().__init__(message, advice=advice)
        self.detail = detail


class UnreadableError(MediaError):
    """The file is damaged or incomplete."""


class UnfinishedError(MediaError):
    """The file is incomplete, and the rest may still arrive."""

    code = "unfinished"
    cause = Cause.TRANSIENT


class NotAllowedError(MediaError):
    """The file is of a format that smolwatch does not open."""

    code = "not-allowed"


class ForeignError(NotAllowedError):
    """The file is neither a picture nor a video. `kind`: its code in daemon/media/foreign_kinds."""

    def __init__(self, message: str = "", *, kind: str, advice: str = "", detail: str = "") -> None:
        super().__init__(message, advice=advice, detail=detail)
        self.kind = kind


class NotRegularError(MediaError):
    """Not a regular file: a link, folder, pipe, socket or device."""

    code = "not-regular"


class TooLargeError(MediaError):
    """The picture or file is larger than smolwatch opens."""

    code = "too-large"


class GoneError(MediaError):
    """The file is no longer there."""

    code = "gone"
    cause = Cause.TRANSIENT


class ChangedError(MediaError):
    """The file changed after it was queued."""

    code = "changed"
    cause = Cause.TRANSIENT


class UnknownRecipeError(MediaError):
    """The job's recipe does not exist any more."""

    code = "unknown-recipe"
    cause = Cause.ENVIRONMENT


class NoAccessError(MediaError):
    """The system does not let smolwatch read the file."""

    code = "no-access"
    cause = Cause.ENVIRONMENT


class NotDownloadedError(MediaError):
    """The file is in the cloud and not downloaded to this machine."""

    code = "not-downloaded"
    cause = Cause.ENVIRONMENT
    advice = "Open it in the Finder, or download its folder; then it is described."


class DecoderCrashedError(MediaError):
    """The decoder process died on the file."""

    code = "decoder-crashed"
    cause = Cause.TRANSIENT


class DecoderHungError(MediaError):
    """The file took too long to open."""

    code = "decoder-hung"
    cause = Cause.TRANSIENT


class OutOfMemoryError(MediaError):
    """Opening the file took more memory than there is, twice: the second time with fewer frames or pixels."""

    code = "out-of-memory"


class DecoderMissingError(MediaError):
    """The decoder process, which opens files, cannot be started."""

    code = "decoder-missing"
    cause = Cause.ENVIRONMENT
    advice = "`smolwatch doctor` shows the cause; the file is retried automatically."


class DecoderBrokenError(MediaError):
    """A part of the decoder cannot be loaded on this machine; the file itself may be fine."""

    code = "decoder-broken"
    cause = Cause.ENVIRONMENT
    advice = "`smolwatch doctor` shows the cause; the file is retried automatically."


class EngineError(SmolwatchError):
    """The model failed. No job is charged."""

    code = "engine"
    cause = Cause.MODEL


class PromptError(EngineError):
    """The model cannot take the prompt, which is the request's own error: the engine works."""

    code = "prompt"
    cause = Cause.INPUT
    detail = ""


class ServiceError(SmolwatchError):
    """The system's service manager refused a command."""


class FetchError(SmolwatchError):
    """A URL's file could not be fetched."""


class RefusedUrlError(FetchError):
    """A rule forbids fetching a URL. `rule` is stable; the message is a sentence for people."""

    exit_code = 5

    def __init__(self, rule: str, message: str, *, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.rule = rule

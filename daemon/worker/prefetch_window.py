"""Which claimed files are opened ahead of the model: a few, and within the memory that is set aside for them. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from daemon.media.clip import Clip, DecodePlan
from storage.description import Media
from storage.records import Claim

#: Files that are claimed before the engine has room for them: as many as it may look at in one round.
FILES_AHEAD = 8
#: What opened pictures may take in memory until they are described; one file is opened in any case.
OPENED_BYTES = 512 * 1024**2


@dataclass(frozen=True, kw_only=True)
class DecodeTask:
    """A claimed file that is to be opened; it had `queued` seconds to wait, and was claimed at `began` (monotonic)."""

    claim: Claim
    plan: DecodePlan
    queued: float
    began: float


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The clip, or what went wrong instead; `seconds` is how long that took."""

    errand: DecodeTask
    clip: Clip | Exception
    seconds: float

    @property
    def nbytes(self) -> int:
        return 0 if isinstance(self.clip, Exception) else self.clip.nbytes


@dataclass(frozen=True, kw_only=True)
class Work:
    """One job under way in the engine; `decode` is in seconds."""

    errand: DecodeTask
    media: Media
    defects: tuple[str, ...]
    decode: float


class PrefetchWindow:
    """What is to be opened, what is open, and how much memory that takes.

    Pictures count from their opening for as long as they are kept, wherever they are.
    """

    def __init__(self, most_bytes: int = OPENED_BYTES) -> None:
        self._most_bytes = most_bytes
        self._wanted: deque[DecodeTask] = deque()
        self._opening: DecodeTask | None = None
        self._opened: deque[Opened] = deque()
        self._taken: dict[int, int] = {}  # bytes by job

    def __len__(self) -> int:
        """How many files were wanted and not taken."""
        return len(self._wanted) + (self._opening is not None) + len(self._opened)

    @property
    def may_open(self) -> bool:
        """Whether a file is to be opened, and there is memory for it."""
        held = sum(opened.nbytes for opened in self._opened) + sum(self._taken.values())
        return bool(self._wanted) and held < self._most_bytes

    @property
    def may_take(self) -> bool:
        return bool(self._opened)

    def want(self, errand: DecodeTask) -> None:
        self._wanted.append(errand)

    def next(self) -> DecodeTask | None:
        """What to open now, if anything."""
        if not self.may_open:
            return None
        self._opening = self._wanted.popleft()
        return self._opening

    def open(self, opened: Opened) -> None:
        """What came of the errand; forgotten meanwhile, it comes to nothing."""
        if opened.errand is self._opening:
            self._opening = None
            self._opened.append(opened)

    def take(self) -> Opened | None:
        """The next file that is open, in the order in which they were wanted."""
        if not self._opened:
            return None
        opened = self._opened.popleft()
        self._taken[opened.errand.claim.job.id] = opened.nbytes
        return opened

    def keep(self, jobs: Collection[int]) -> None:
        """Of the files taken, only those of these jobs still need their pictures."""
        self._taken = {job: nbytes for job, nbytes in self._taken.items() if job in jobs}

    def forget(self) -> list[Claim]:
        """Give up all files that were not taken; their claims."""
        forgotten = [opened.errand for opened in self._opened]
        forgotten += [self._opening] if self._opening else []
        forgotten += self._wanted
        self._opened.clear()
        self._opening = None
        self._wanted.clear()
        return [errand.claim for errand in forgotten]

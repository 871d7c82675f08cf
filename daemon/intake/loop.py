"""The intake: one thread that joins watcher, sweep, settling and gate. Every path ends as a job or a reason."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from config.settings import InboxSettings
from daemon.clock import Clock
from daemon.intake.admitter import AdmitResult, Admitter
from daemon.intake.failures import IntakeFailures
from daemon.intake.filters import OURS, Filters, Rejection, is_below, of_mode
from daemon.intake.held_names import HeldNames
from daemon.intake.intake_status import IntakeStatus, Telling
from daemon.intake.reconcile import Reconciler
from daemon.intake.refusal_texts import is_kept
from daemon.intake.rescan import Rescan
from daemon.intake.settling import NOT_DOWNLOADED, FileState, Settling, quiet_seconds
from daemon.intake.sweep import Found, Scan, invisible, sweep, unlistable
from daemon.intake.sweep_schedule import BATCH, BUSY_SECONDS, LOOK_SHARE, PAUSE_SECONDS, SweepSchedule
from daemon.intake.wakeup import Wakeup
from daemon.intake.watch.event_queue import WatchEvents
from daemon.intake.watch.watcher import Watcher
from daemon.retry_policy import is_young
from storage.errors import StorageError
from storage.records import Fingerprint


class Intake:
    """`run` is the thread, until the wakeup says that it is over. Any thread may call `look_again` and `rescan`.

    `queued` is called after files were admitted.
    """

    def __init__(
        self,
        settings: InboxSettings,
        root: bytes,
        filters: Filters,
        gate: Admitter,
        reconciler: Reconciler,
        clock: Clock,
        *,
        wakeup: Wakeup,
        report: Callable[[dict[str, object]], None],
        trouble: Callable[[StorageError], None],
        queued: Callable[[], None] = lambda: None,
        watcher: Callable[[bytes, WatchEvents], Watcher] | None = None,
        scan: Scan = os.scandir,
        lstat: Callable[[bytes], os.stat_result] = os.lstat,
    ) -> None:
        self._settings, self._root = settings, root
        self._gate, self._reconciler = gate, reconciler
        self._clock, self._wakeup, self._queued = clock, wakeup, queued
        self._telling = Telling(report)
        self._condition = IntakeFailures(root, trouble)
        self._filters = filters
        self._heard, self._again = WatchEvents(wakeup.wake), WatchEvents(wakeup.wake)
        self._watcher = watcher(root, self._heard) if watcher else Watcher(root, self._heard, settings.observer)
        self._scan, self._lstat = scan, lstat
        self._schedule = SweepSchedule(settings.sweep_seconds)
        self._settling = Settling(settings.settle_seconds)
        self._judged: dict[bytes, FileState] = {}
        self._turned_away: set[bytes] = set()
        self._names = HeldNames(root, filters)
        self._requests: SimpleQueue[Rescan] = SimpleQueue()
        self._rescan = Rescan()
        self._look_due = 0.0
        self._idle = False
        self.progress = IntakeStatus()

    @property
    def is_idle(self) -> bool:
        """The inbox was listed, and every path in it has been judged."""
        return self._idle and self._heard.is_empty and self._again.is_empty

    def look_again(self, path: bytes) -> None:
        """Judge a path anew, whatever was known of it."""
        self._again.add(path)

    def rescan(self, request: Rescan) -> None:
        """Forget what was judged and list the inbox now; any thread. The result is in the status."""
        self._requests.put(request)
        self._wakeup.wake()

    def run(self) -> None:
        try:
            while not self._wakeup.is_stopped:
                self._wakeup.wait(self._try_tick())
        finally:
            self._watcher.stop()

    def tick(self) -> None:
        """One round. Raises OSError while the inbox is missing, StorageError while nothing can be written down."""
        self._idle = False
        self._keep_watching()
        for path in self._again.take()[0]:
            self._judged.pop(path, None)
            self._gate.aside.doubt(path)
            self._sight(path)
        self._names.hear(self._heard.take_left())
        heard, lost = self._heard.take()
        for path in heard:
            self._sight(path)
        self._condition.changes_missed(lost, self._clock.monotonic())
        if lost:
            self._names.doubt_all()
            self._schedule.ask()
        self._take_requests()
        if self._schedule.is_due(self._clock.monotonic(), self._clock.now().timestamp()):
            self._sweep()
        self._look()
        self._reconciler.left(self._names.left)
        self._names.left.clear()
        self._admit_settled()
        self._reconciler.returned(self._gate.take_returned())
        for path in self._gate.aside.take():
            self._judged.pop(path, None)
            self._sight(path)
        self._gate.refusals.write()
        self._idle = self.progress.last_sweep is not None and not self._settling.moving

    def _try_tick(self) -> float:
        """One round, whatever comes of it; how many seconds there are until the next."""
        now = self._clock.monotonic()
        try:
            self.tick()
        except Exception as error:  # the thread must not die unseen; what it knows is in order after every path
            self.progress.problem = self._condition.round_failed(error, now)
        else:
            self.progress.problem = ""
            self._condition.round_succeeded(now)
        self._tell()
        if self.progress.problem:
            return PAUSE_SECONDS
        is_busy = self._settling.moving > 0
        return self._schedule.pause(now, is_busy=is_busy, is_behind=self._telling.is_behind)

    def _keep_watching(self) -> None:
        """Arm the watch before the sweep, so that nothing falls between the two."""
        illness, now = self._watcher.illness(), self._clock.monotonic()
        if illness is None:
            self._condition.watch_is_intact(now)
            return
        was_watching, self.progress.watching = self.progress.watching, False
        self._watcher.stop()
        self._watcher.start()
        self.progress.watching = True
        self._condition.watch_started(illness if was_watching else None, now)
        self._settling.quiet_seconds = quiet_seconds(self._settings.settle_seconds, self._watcher.network)
        self._judged.clear()  # another volume may stand here now, and jobs of the old one may have been given up
        self._names.doubt_all()
        self._schedule.ask()

    def _take_requests(self) -> None:
        while not self._requests.empty():
            request = self._requests.get_nowait()
            request.replace(self._rescan)
            self._rescan = request
            self._judged.clear()
            self._schedule.ask()

    def _sweep(self) -> None:
        began = self._clock.monotonic()
        own: set[bytes] = set()
        self._turned_away.clear()
        present = set(self._list(self._root, own))
        if self._wakeup.is_stopped:  # then the list is not whole
            return
        self._gate.refusals.prune(present | self._turned_away)
        self._schedule.swept(began, self._clock.monotonic(), polls=self._watcher.polls)
        self._judged = {path: shape for path, shape in self._judged.items() if path in present}
        self.progress.seen = len(present)
        self.progress.last_sweep = self._clock.now()
        self._gate.aside.listed(present)
        restored = self._reconciler.swept(present, own, is_asked=self._rescan.is_new)
        self._rescan.listed(present, present & set(self._settling.paths()), restored)

    def _list(self, folder: bytes, own: set[bytes]) -> Iterator[bytes]:
        """Sight everything below a folder; gives the paths of the files that may be taken, and gathers our own's."""
        for entry in sweep(folder, self._filters, self._scan):
            if self._wakeup.is_stopped:
                return
            if isinstance(entry, Found):
                self._take_note(entry.path, entry.stat)
                yield entry.path
            elif entry.turned.code == OURS:
                own.add(entry.path)
            else:
                self._turn_away(entry.path, entry.turned)

    def _sight(self, path: bytes) -> None:
        """Look at a path that somebody spoke of: a file, a folder with all below it, or nothing any more.

        What lies in a folder that is not entered is passed over: why that folder is not, was said when it was listed.
        """
        if not is_below(path, self._root) or self._filters.of_way(self._root, path) is not None:
            return
        if (status := self._stat(path)) is None:
            return
        is_folder = stat.S_ISDIR(status.st_mode)
        turned = self._filters.of_entry(path, is_folder=is_folder) or of_mode(status.st_mode)
        if turned is not None:
            self._turn_away(path, turned)
        elif is_folder:
            self._enter(path)
        else:
            self._take_note(path, status)

    def _enter(self, folder: bytes) -> None:
        try:
            set(self._list(folder, set()))
        except FileNotFoundError:
            self._forget(folder)
        except OSError as error:
            self._turn_away(folder, unlistable(error))

    def _look(self) -> None:
        """See whether what settles has changed. Many files are looked at less often."""
        began = self._clock.monotonic()
        if began < self._look_due:
            return
        for path in self._settling.paths():
            if (status := self._stat(path)) is not None:
                self._take_note(path, status)
        self._look_due = began + LOOK_SHARE * (self._clock.monotonic() - began)

    def _take_note(self, path: bytes, status: os.stat_result) -> None:
        if self._judged.get(path) == FileState.of(status):
            self._judge(path, status)
            return
        young = is_young(status, self._clock.now())
        waiting = self._settling.observe(path, status, self._clock.monotonic(), young=young)
        if waiting is None:
            return
        self._rescan.skip(path)
        if waiting is NOT_DOWNLOADED and self._gate.knows(path, Fingerprint.of(status)):  # and was evicted since
            self._judge(path, status)
        else:
            self._gate.refusals.note(path, waiting.code, waiting.reason)

    def _judge(self, path: bytes, status: os.stat_result) -> None:
        self._settling.forget(path)
        self._judged[path] = FileState.of(status)
        if not self._watcher.polls:
            self._names.hold(path)

    def _stat(self, path: bytes) -> os.stat_result | None:
        """Of the path itself, never of a link's target; None, and all memory of it gone, when it is not there."""
        try:
            return self._lstat(path)
        except OSError as error:  # one path that the system does not show must not hold up the others
            self._forget(path)
            if isinstance(error, (FileNotFoundError, NotADirectoryError)):
                self._names.leave(path)
            else:
                self._turn_away(path, invisible(error))
            return None

    def _forget(self, path: bytes) -> None:
        self._rescan.skip(path)
        self._settling.forget(path)
        self._judged.pop(path, None)
        self._gate.refusals.forget(path)
        self._gate.aside.doubt(path)

    def _turn_away(self, path: bytes, turned: Rejection) -> None:
        """What a rule about names turns away is not written down: `smolwatch why` asks the rules itself."""
        self._settling.forget(path)
        if is_kept(turned.code):
            self._turned_away.add(path)
            self._gate.refusals.note(path, turned.code, turned.reason)

    def _admit_settled(self) -> None:
        until = self._clock.monotonic() + BUSY_SECONDS
        while due := self._settling.due(self._clock.monotonic(), BATCH):
            if self._wakeup.is_stopped or self._clock.monotonic() > until:
                return
            self._admit(due)

    def _admit(self, due: list[bytes]) -> None:
        """What has settled, if it is still as it was when it was looked at last."""
        stats = {path: status for path in due if (status := self._stat(path)) is not None}
        for path, status in stats.items():
            self._take_note(path, status)
        still = [path for path in stats if self._settling.is_due(path, self._clock.monotonic())]
        settled = {path: Fingerprint.of(stats[path]) for path in still}
        for path, outcome in self._gate.admit_all(settled, self._rescan.left, self._names).items():
            self._rescan.tick_off(path, outcome)
            self._settling.forget(path)
            # The head of a young file may only be to come, and without a new time for the file.
            unsure = outcome is AdmitResult.REFUSED and is_young(stats[path], self._clock.now())
            if outcome.is_judged and not unsure:
                self._judge(path, stats[path])
            elif outcome is AdmitResult.AGAIN:
                self._heard.add(path)
        self._queued()

    def _tell(self) -> None:
        """Report what changed, for status."""
        self.progress.observer, self.progress.advice = self._watcher.kind, self._watcher.advice
        self.progress.settling = self._settling.moving
        self.progress.orphans = self._reconciler.orphans
        self.progress.rescan = self._rescan.record()
        self._telling.tell(self.progress.record(), self._clock.monotonic())

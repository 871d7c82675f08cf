"""One inbox's thread: watcher, sweep, settling and admitter. Every path becomes a job or gets a reason."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace

from daemon.clock import Clock
from daemon.intake.admit_result import AdmitResult
from daemon.intake.admitter import Admitter
from daemon.intake.failures import IntakeFailures
from daemon.intake.filters import OURS, Rejection, is_below, reject_mode
from daemon.intake.held_names import HeldNames
from daemon.intake.intake_status import StatusReporter
from daemon.intake.reconcile import Reconciler
from daemon.intake.refusal_texts import is_kept
from daemon.intake.rescan import AnswerRescan, Rescan, Rescans
from daemon.intake.settling import NOT_DOWNLOADED, FileState, Settling, quiet_seconds
from daemon.intake.sweep import Found, Scan, sweep, unlistable_folder, unreadable_entry
from daemon.intake.sweep_schedule import BATCH, BUSY_SECONDS, LOOK_SHARE, PAUSE_SECONDS, SweepSchedule
from daemon.intake.wakeup import Wakeup
from daemon.intake.watch.event_queue import WatchEvents
from daemon.intake.watch.watcher import Watcher
from daemon.intake.watched_inboxes import WatchedInbox
from daemon.retry_policy import is_young
from storage.errors import StorageError
from storage.records import Fingerprint
from storage.status.inbox_values import IntakeStatus


class Intake:
    """`run` is the thread's body; it ends when the wakeup is stopped. Any thread may call `recheck` and `rescan`.

    `report` stores the status; `on_storage_error` gets the database's errors; `on_queued` is called after an admission;
    `answer_rescan` gets the answer of each rescan.
    """

    def __init__(  # noqa: PLR0913 - built once, in daemon.app and in tests, by keyword
        self,
        inbox: WatchedInbox,
        admitter: Admitter,
        reconciler: Reconciler,
        clock: Clock,
        *,
        wakeup: Wakeup,
        report: Callable[[IntakeStatus], None],
        on_storage_error: Callable[[StorageError], None],
        on_queued: Callable[[], None] = lambda: None,
        answer_rescan: AnswerRescan = lambda command_id, answer: None,
        watcher: Callable[[bytes, WatchEvents], Watcher] | None = None,
        scan: Scan = os.scandir,
        lstat: Callable[[bytes], os.stat_result] = os.lstat,
    ) -> None:
        settings, root, filters = inbox.settings, inbox.root, inbox.filters
        self._settings, self._root, self._filters = settings, root, filters
        self._admitter, self._reconciler = admitter, reconciler
        self._clock, self._wakeup, self._on_queued = clock, wakeup, on_queued
        self._status_reporter = StatusReporter(report)
        self._failures = IntakeFailures(root, on_storage_error)
        self._events, self._recheck = WatchEvents(wakeup.wake), WatchEvents(wakeup.wake)
        self._watcher = watcher(root, self._events) if watcher else Watcher(root, self._events, settings.observer)
        self._scan, self._lstat = scan, lstat
        self._schedule, self._settling = SweepSchedule(settings.sweep_seconds), Settling(settings.settle_seconds)
        self._judged: dict[bytes, FileState] = {}
        self._rejected: set[bytes] = set()
        self._held_names, self._rescans = HeldNames(root, filters), Rescans(answer_rescan)
        self._observe_due, self._idle = 0.0, False
        self.status = IntakeStatus(inbox=inbox.name)

    @property
    def is_idle(self) -> bool:
        """The inbox was listed, and every path in it has been judged."""
        return self._idle and self._events.is_empty and self._recheck.is_empty

    def recheck(self, path: bytes) -> None:
        """Judge a path again, even if it is unchanged."""
        self._recheck.add(path)

    def rescan(self, request: Rescan) -> None:
        """List the inbox now and judge every path again."""
        self._rescans.put(request)
        self._wakeup.wake()

    def run(self) -> None:
        try:
            while not self._wakeup.is_stopped:
                self._wakeup.wait(self._try_tick())
        finally:
            self._watcher.stop()
            self._status_reporter.report_last(self.status)

    def tick(self) -> None:
        """One round. Raises OSError while the inbox is missing, StorageError while the database fails."""
        self._idle = False
        self._keep_watching()
        for path in self._recheck.take()[0]:
            self._judged.pop(path, None)
            self._admitter.set_aside.invalidate(path)
            self._visit(path)
        self._held_names.free_all(self._events.take_freed())
        paths, lost = self._events.take()
        for path in paths:
            self._visit(path)
        self._failures.changes_missed(lost, self._clock.monotonic())
        if lost:
            self._held_names.clear()
            self._schedule.request()
        if self._rescans.take():
            self._judged.clear()
            self._schedule.request()
        if self._schedule.is_due(self._clock.monotonic(), self._clock.now().timestamp()):
            self._sweep()
        self._observe_settling()
        self._reconciler.names_freed(self._held_names.freed)
        self._held_names.freed.clear()
        self._admit_settled()
        self._reconciler.returned(self._admitter.take_returned())
        for path in self._admitter.set_aside.take():
            self._judged.pop(path, None)
            self._visit(path)
        self._admitter.refusals.write()
        self._rescans.answer_finished()
        self._idle = self.status.last_sweep is not None and not self._settling.unsettled

    def _try_tick(self) -> float:
        """One round; never raises. The seconds until the next round."""
        now = self._clock.monotonic()
        try:
            self.tick()
        except Exception as error:  # noqa: BLE001 - the thread must not die unnoticed; each path leaves its state consistent
            problem = self._failures.round_failed(error, now)
            self._rescans.refuse(problem)
        else:
            problem = ""
            self._failures.round_succeeded(now)
        self._report_status(problem)
        if self.status.problem:
            return PAUSE_SECONDS
        is_busy, is_behind = self._settling.unsettled > 0, self._status_reporter.is_behind
        return self._schedule.pause(now, is_busy=is_busy, is_behind=is_behind)

    def _keep_watching(self) -> None:
        """Start the watch before the sweep, so that no change between the two is lost."""
        defect, now = self._watcher.defect(), self._clock.monotonic()
        if defect is None:
            self._failures.watch_is_intact(now)
            return
        was_watching, self.status = self.status.watching, replace(self.status, watching=False)
        self._watcher.stop()
        self._watcher.start()
        self.status = replace(self.status, watching=True)
        self._failures.watch_started(defect if was_watching else None, now)
        self._settling.quiet_seconds = quiet_seconds(self._settings.settle_seconds, self._watcher.network)
        self._judged.clear()  # another volume may be mounted here, and jobs of the old one may be gone
        self._held_names.clear()
        self._schedule.request()

    def _sweep(self) -> None:
        began = self._clock.monotonic()
        own: set[bytes] = set()
        self._rejected.clear()
        present = set(self._list(self._root, own))
        if self._wakeup.is_stopped:  # then the listing is incomplete
            return
        self._admitter.refusals.prune(present | self._rejected)
        self._schedule.swept(began, self._clock.monotonic(), polls=self._watcher.polls)
        self._judged = {path: state for path, state in self._judged.items() if path in present}
        self.status = replace(self.status, seen=len(present), last_sweep=self._clock.now())
        self._admitter.set_aside.listed(present)
        restored = self._reconciler.swept(present, own, is_asked=self._rescans.awaits_listing)
        self._rescans.listed(present, present & set(self._settling.paths()), restored)

    def _list(self, folder: bytes, own: set[bytes]) -> Iterator[bytes]:
        """Observe everything below a folder. Yields the files that may be admitted; adds our own files to `own`."""
        for entry in sweep(folder, self._filters, self._scan):
            if self._wakeup.is_stopped:
                return
            if isinstance(entry, Found):
                self._observe(entry.path, entry.stat)
                yield entry.path
            elif entry.rejection.code == OURS:
                own.add(entry.path)
            else:
                self._reject(entry.path, entry.rejection)

    def _visit(self, path: bytes) -> None:
        """Observe a path that was reported: a file, a folder with everything below it, or nothing any more.

        Paths in a rejected folder are ignored: the folder's own rejection was noted when it was listed.
        """
        if not is_below(path, self._root) or self._filters.reject_parents(self._root, path) is not None:
            return
        if (stat_result := self._lstat_or_forget(path)) is None:
            return
        is_folder = stat.S_ISDIR(stat_result.st_mode)
        rejection = self._filters.reject_entry(path, is_folder=is_folder) or reject_mode(stat_result.st_mode)
        if rejection is not None:
            self._reject(path, rejection)
        elif is_folder:
            self._visit_folder(path)
        else:
            self._observe(path, stat_result)

    def _visit_folder(self, folder: bytes) -> None:
        try:
            set(self._list(folder, set()))
        except FileNotFoundError:
            self._forget(folder)
        except OSError as error:
            self._reject(folder, unlistable_folder(error))

    def _observe_settling(self) -> None:
        """Look for changes of unsettled files; less often when there are many."""
        began = self._clock.monotonic()
        if began < self._observe_due:
            return
        for path in self._settling.paths():
            if (stat_result := self._lstat_or_forget(path)) is not None:
                self._observe(path, stat_result)
        self._observe_due = began + LOOK_SHARE * (self._clock.monotonic() - began)

    def _observe(self, path: bytes, stat_result: os.stat_result) -> None:
        if self._judged.get(path) == FileState.of(stat_result):
            self._mark_judged(path, stat_result)
            return
        young = is_young(stat_result, self._clock.now())
        waiting = self._settling.observe(path, stat_result, self._clock.monotonic(), young=young)
        if waiting is None:
            return
        self._rescans.skip(path)
        if waiting is NOT_DOWNLOADED and self._admitter.knows(path, Fingerprint.of(stat_result)):  # evicted since
            self._mark_judged(path, stat_result)
        else:
            self._admitter.refusals.note(path, waiting.code, waiting.reason)

    def _mark_judged(self, path: bytes, stat_result: os.stat_result) -> None:
        self._settling.forget(path)
        self._judged[path] = FileState.of(stat_result)
        if not self._watcher.polls:
            self._held_names.hold(path)

    def _lstat_or_forget(self, path: bytes) -> os.stat_result | None:
        """Of the path itself, not of a link's target. None when there is no access to it, or nothing there any more."""
        try:
            return self._lstat(path)
        except OSError as error:  # one inaccessible path must not stop the others
            self._forget(path)
            if isinstance(error, (FileNotFoundError, NotADirectoryError)):
                self._held_names.free(path)
            else:
                self._reject(path, unreadable_entry(error))
            return None

    def _forget(self, path: bytes) -> None:
        self._rescans.skip(path)
        self._settling.forget(path)
        self._judged.pop(path, None)
        self._admitter.refusals.forget(path)
        self._admitter.set_aside.invalidate(path)

    def _reject(self, path: bytes, rejection: Rejection) -> None:
        """Rejections by name are not stored: `smolwatch why` applies the rules itself."""
        self._rescans.skip(path)
        self._settling.forget(path)
        if is_kept(rejection.code):
            self._rejected.add(path)
            self._admitter.refusals.note(path, rejection.code, rejection.reason)

    def _admit_settled(self) -> None:
        until = self._clock.monotonic() + BUSY_SECONDS
        while due := self._settling.due(self._clock.monotonic(), BATCH):
            if self._wakeup.is_stopped or self._clock.monotonic() > until:
                return
            self._admit(due)

    def _admit(self, due: list[bytes]) -> None:
        """Admit the settled files that have not changed since they were last observed."""
        stats = {path: stat_result for path in due if (stat_result := self._lstat_or_forget(path)) is not None}
        for path, stat_result in stats.items():
            self._observe(path, stat_result)
        still = [path for path in stats if self._settling.is_due(path, self._clock.monotonic())]
        settled = {path: Fingerprint.of(stats[path]) for path in still}
        for path, outcome in self._admitter.admit_all(settled, self._rescans.left, self._held_names).items():
            self._rescans.tick_off(path, outcome)
            self._settling.forget(path)
            # The head of a young file may be written later, without a new modification time.
            unsure = outcome is AdmitResult.REFUSED and is_young(stats[path], self._clock.now())
            if outcome.is_final and not unsure:
                self._mark_judged(path, stats[path])
            elif outcome is AdmitResult.AGAIN:
                self._events.add(path)
        self._on_queued()

    def _report_status(self, problem: str) -> None:
        watcher, settling, rescan = self._watcher, self._settling.unsettled, self._rescans.record()
        self.status = replace(self.status, problem=problem, observer=watcher.kind, advice=watcher.advice)
        self.status = replace(self.status, settling=settling, orphans=self._reconciler.orphans, rescan=rescan)
        self._status_reporter.report_if_due(self.status, self._clock.monotonic())

"""Live Photos in the inbox: a picture and its film are one item, and one of the two represents both.

The picture does, unless the film was described, or begun, before the picture came: an existing description is kept and
not generated again. The other half is set aside. When its representative disappears or cannot be described, the half
that was set aside is judged again.

Two files are a pair when they have the same identifier, in whatever folders: those in one folder first, of these those
of one name. Without an identifier, a picture and a short film of one name in one folder are a pair.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass

from daemon.errors import MediaError
from daemon.intake.filters import case_folded, placeholder_of
from daemon.media.live_photo import LivePhotoHalf, half_at
from daemon.media.safe_open import open_checked
from storage.jobs.live_photos import DESCRIBED_OR_WAITING
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Fingerprint, Job, MediaKind

#: Code of the refusal of a half that is described together with the other one.
SET_ASIDE = "live-photo"
PICTURE_SUFFIXES = (b".heic", b".heif", b".jpg", b".jpeg")
FILM_SUFFIXES = (b".mov", b".mp4")


@dataclass(frozen=True)
class Partner:
    """The half that represents another. `waiting`: the job of a film that was not begun; the picture takes it over."""

    path: bytes
    by_name: bool
    waiting: Job | None = None


class LivePhotoPairs:
    """The Live Photos of one batch: `halves` are its files without a description that may be half of one.

    `settled` are all files of the batch without a description; `look` reads the half of any other file. `has_charge`:
    whether a path is in this inbox; halves in two inboxes are no pair.
    """

    def __init__(
        self,
        library: Library,
        settled: Mapping[bytes, Fingerprint],
        halves: Mapping[bytes, LivePhotoHalf],
        look: Callable[[bytes], LivePhotoHalf | None],
        has_charge: Callable[[bytes], bool] = lambda _: True,
    ) -> None:
        self._library = library
        self._has_charge = has_charge
        self._settled = settled
        self._read_half = look
        self._pictures: dict[str, list[tuple[bytes, LivePhotoHalf]]] = {}  # by identifier, and by folder and stem
        self._assigned: set[bytes] = set()  # films that belong to a picture of this batch
        self._same_name_jobs = library.jobs_at({name for path in halves for name in possible_partners(path)})
        self._same_identifier = library.halves(
            {half.identifier for half in halves.values() if half.identifier is not None}
        )
        self._jobs_by_file: dict[Fingerprint, list[Job]] = {}  # jobs of these files, at whatever path
        for job in library.jobs_of(settled[path] for path in halves):
            if job.state is not JobState.GONE:
                self._jobs_by_file.setdefault(job.fingerprint, []).append(job)

    def add_picture(self, path: bytes, half: LivePhotoHalf) -> None:
        """A picture of this batch gets a job: it represents the films that follow."""
        for key in (half.identifier, stem_of(path)):
            if key is not None:
                self._pictures.setdefault(key, []).append((path, half))

    def partner(self, path: bytes, half: LivePhotoHalf) -> Partner | None:
        """The file that represents this one; None when it is to be described itself."""
        found = self._film_of(path, half) if half.is_picture else self._picture_of(path, half)
        was_moved = any(job.path != path for job in self._jobs_by_file.get(self._settled[path], []))
        if found is None or was_moved:  # then its own job moves with it
            return None
        if half.is_picture:
            self._assigned.add(found.path)
        return found

    def _picture_of(self, path: bytes, film: LivePhotoHalf) -> Partner | None:
        if film.identifier is not None:
            same = [other for other, _ in self._pictures.get(film.identifier, [])]
            same += [place for place, _ in self._carriers(film.identifier, MediaKind.IMAGE)]
            if same:
                return Partner(min(same, key=distance(path)), by_name=False)
        here = self._pictures.get(stem_of(path), [])
        same_name = [(other, picture) for other, _, picture in self._same_name(path) if picture.is_picture]
        for other, picture in (*here, *same_name):
            if have_same_identifier(film, picture) or pair_by_name(film, picture):
                return Partner(other, by_name=not have_same_identifier(film, picture))
        return None

    def _film_of(self, path: bytes, picture: LivePhotoHalf) -> Partner | None:
        for other, job, by_name in self._films(path, picture):
            if other not in self._assigned and not self._stands_for_another(path, {other, job.path}):
                # A file that is asked again was described before, and keeps its description.
                waits = job.state is JobState.QUEUED and not job.fresh
                return Partner(other, by_name, waiting=job if waits else None)
        return None

    def _stands_for_another(self, picture: bytes, film: set[bytes]) -> bool:
        """Whether another existing picture was set aside for the film, at its present or former path."""
        return any(half.path != picture and is_present(half.path) for half in self._library.set_aside(film))

    def _films(self, path: bytes, picture: LivePhotoHalf) -> Iterator[tuple[bytes, Job, bool]]:
        """Nearest first: path, job, and whether only the name makes it this picture's film."""
        if picture.identifier is not None:
            films = dict(self._carriers(picture.identifier, MediaKind.VIDEO))
            for place in sorted(films, key=distance(path)):
                yield place, films[place], False
        for other, job, film in self._same_name(path):
            if not film.is_picture and (have_same_identifier(film, picture) or pair_by_name(film, picture)):
                yield other, job, not have_same_identifier(film, picture)

    def _same_name(self, path: bytes) -> Iterator[tuple[bytes, Job, LivePhotoHalf]]:
        """Files of the same name and folder that are described, or will be, and may be the other half."""
        for name in possible_partners(path):
            job = self._same_name_jobs.get(name)
            if job is None and name in self._settled:  # it was moved here, and its job moves with it
                job = next(iter(self._jobs_by_file.get(self._settled[name], [])), None)
            if job is not None and job.state in DESCRIBED_OR_WAITING and (half := self._read_half(name)) is not None:
                yield name, job, half

    def _carriers(self, identifier: str, kind: MediaKind) -> Iterator[tuple[bytes, Job]]:
        """Existing files with this identifier that are described, or will be: path and job."""
        for job in self._same_identifier.get(identifier, []):
            if job.kind is kind and self._has_charge(job.path) and (place := self._place(job)) is not None:
                yield place, job

    def _place(self, job: Job) -> bytes | None:
        """The path of a job's file: the job's, or another one of this batch if it was moved; None when it is gone."""
        if is_present(job.path):
            return job.path
        return next((path for path, fingerprint in self._settled.items() if fingerprint == job.fingerprint), None)


class SetAsideFiles:
    """Finds halves whose representative is gone, has changed or has failed."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._invalid: set[bytes] = set()

    def invalidate(self, path: bytes) -> None:
        """The halves that were set aside for this path are to be judged again."""
        self._invalid.add(path)

    def listed(self, present: Set[bytes]) -> None:
        """After a sweep that found `present`: invalidate halves whose representative is missing or has no job.

        Raises StorageError.
        """
        halves = (half for half in self._library.set_aside() if half.path in present)
        self._invalid |= {half.partner for half in halves if half.partner not in present or not half.is_active}

    def take(self) -> list[bytes]:
        """The paths to be judged again. Raises StorageError; then the next call returns them."""
        found = [half.path for half in self._library.set_aside(self._invalid)] if self._invalid else []
        self._invalid.clear()
        return found


def read_half(path: bytes, max_bytes: int, expected: Fingerprint | None = None) -> LivePhotoHalf | None:
    """The half of a Live Photo that a file may be; None for anything else, and for what cannot be read."""
    try:
        descriptor = open_checked(path, max_bytes=max_bytes, expected=expected)
        try:
            return half_at(descriptor)
        finally:
            os.close(descriptor)
    except (MediaError, OSError):
        return None


def pair_reason(path: bytes, is_picture: bool, partner: Partner) -> str:
    """Why the file at `path` is set aside; a sentence for the user."""
    other = os.fsdecode(os.path.relpath(partner.path, os.path.dirname(path)))
    if is_picture:
        half, rest = "picture", f"{other}, which came first"
    else:
        half, rest = "moving half", f"its picture, {other}"
    if partner.by_name:
        doubt = "If it is not, give it another name."
        return f"Taken for the {half} of a Live Photo, by its name alone: described together with {rest}. {doubt}"
    return f"It is the {half} of a Live Photo: described together with {rest}."


def have_same_identifier(one: LivePhotoHalf, other: LivePhotoHalf) -> bool:
    return one.identifier is not None and one.identifier == other.identifier


def pair_by_name(one: LivePhotoHalf, other: LivePhotoHalf) -> bool:
    """Whether two files of one name, with one identifier at most between them, count as a pair."""
    return one.pairs_by_name and other.pairs_by_name and None in (one.identifier, other.identifier)


def is_present(path: bytes) -> bool:
    """Also when it was evicted to the cloud and is replaced by a placeholder."""
    return os.path.lexists(path) or os.path.lexists(placeholder_of(path))


def stem_of(path: bytes) -> str:
    """Folder and name without the suffix, case-folded."""
    return case_folded(os.path.splitext(path)[0])


def distance(path: bytes) -> Callable[[bytes], tuple[bool, bool, bytes]]:
    """Sort key by distance from `path`: other folder, other name, then alphabetically."""
    folder, stem = os.path.dirname(path), os.path.basename(stem_of(path))
    return lambda other: (os.path.dirname(other) != folder, os.path.basename(stem_of(other)) != stem, other)


def possible_partners(path: bytes) -> list[bytes]:
    """The paths that the other half of a picture or film may have in the same folder, by name."""
    folder, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)
    others: tuple[bytes, ...] = ()
    if suffix.lower() in PICTURE_SUFFIXES:
        others = FILM_SUFFIXES
    elif suffix.lower() in FILM_SUFFIXES:
        others = PICTURE_SUFFIXES
    stems = dict.fromkeys((stem, stem.upper(), stem.lower()))
    return [os.path.join(folder, stem + end) for stem in stems for end in (*others, *map(bytes.upper, others))]

"""Detects videos that cannot be decoded correctly: encryption, and Dolby Vision without a compatible base layer.

FFmpeg decodes them to noise or wrong colours without an error, so the container's headers are checked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from uuid import UUID

from av.container import InputContainer
from av.video.stream import VideoStream

from daemon.errors import NotAllowedError
from daemon.media.sniff import PACKETS, SYNC, Format
from daemon.media.video.container_layout import (
    LayoutBox,
    asf_objects,
    elements,
    find_boxes,
    iso_boxes,
    read_content,
    whole_file,
)

#: Sample entries of MP4 for encrypted tracks: Common Encryption, and Apple's FairPlay.
PROTECTED_ENTRIES = frozenset({b"encv", b"drmi"})
#: Bytes of a visual sample entry's fields, before its child boxes (ISO/IEC 14496-12, 12.1.3).
ENTRY_BYTES = 78
#: Boxes of the Dolby Vision configuration, by profile (Dolby Vision Streams Within the ISO Base Media File Format).
DOLBY = frozenset({b"dvcC", b"dvvC", b"dvwC"})
#: Profiles with colours that only Dolby Vision decoders support, unless the base layer is marked as compatible.
DOLBY_ONLY_PROFILES = frozenset({5, 10, 20})

SEGMENT, TRACKS, TRACK = b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae"
TRACK_TYPE, ENCRYPTION = b"\x83", (b"\x6d\x80", b"\x62\x40", b"\x50\x35")
ADDITION_MAPPING, ADDITION_TYPE, ADDITION_DATA = b"\x41\xe4", b"\x41\xe7", b"\x41\xed"
VIDEO_TYPE = 1

#: Content Encryption, and its Extended and Advanced kinds (Advanced Systems Format specification, 10.1).
ASF_PROTECTED = frozenset(
    UUID(guid).bytes_le
    for guid in (
        "2211b3fb-bd23-11d2-b4b7-00a0c955fc6e",
        "298ae614-2622-4c17-b935-dae07ee9289c",
        "43058533-6981-49e6-9b74-ad12cb86d58c",
    )
)
#: How much of a broadcast or disc file is checked for scrambled packets.
SAMPLE_BYTES = 4_000_000


def check_protection(fd: int, format: Format, container: InputContainer, stream: VideoStream | None) -> None:
    """Raises NotAllowedError if the stream (any stream, if None) cannot be decoded correctly."""
    match format.name:
        case "mp4" | "mov":
            entries = list(sample_entries(fd, stream))
            is_encrypted = any(entry.name in PROTECTED_ENTRIES for entry in entries)
            records = [read_content(fd, box) for entry in entries for box in dolby_boxes(fd, entry)]
        case "mkv" | "webm":
            tracks = matroska_tracks(fd, container, stream)
            is_encrypted = any(True for track in tracks for _ in find_boxes(fd, elements, track, *ENCRYPTION))
            records = [record for track in tracks for record in dolby_additions(fd, track)]
        case _:
            is_encrypted = ENCRYPTED.get(format.name, not_encrypted)(fd, stream.id if stream else 0)
            records = []
    if is_encrypted:
        raise NotAllowedError("It is encrypted and cannot be decoded without its key.")
    for profile in filter(None, map(dolby_only_profile, records)):
        raise NotAllowedError(f"Its colours can only be decoded for Dolby Vision screens (profile {profile}).")


def sample_entries(fd: int, stream: VideoStream | None) -> Iterator[LayoutBox]:
    """The sample entries (codec descriptions) of an MP4 track, or of all tracks."""
    for track in find_boxes(fd, iso_boxes, whole_file(fd), b"moov", b"trak"):
        headers = find_boxes(fd, iso_boxes, track, b"tkhd")
        if stream is None or any(track_id(read_content(fd, header)) == stream.id for header in headers):
            for table in find_boxes(fd, iso_boxes, track, b"mdia", b"minf", b"stbl", b"stsd"):
                yield from iso_boxes(fd, table.start + 8, table.end)


def track_id(header: bytes) -> int:
    at = 20 if header[:1] == b"\1" else 12
    return int.from_bytes(header[at : at + 4], "big")


def dolby_boxes(fd: int, entry: LayoutBox) -> Iterator[LayoutBox]:
    return (box for box in iso_boxes(fd, entry.start + ENTRY_BYTES, entry.end) if box.name in DOLBY)


def matroska_tracks(fd: int, container: InputContainer, stream: VideoStream | None) -> list[LayoutBox]:
    """The entry of one Matroska video track, or of all; FFmpeg keeps their order."""
    table = next(find_boxes(fd, elements, whole_file(fd), SEGMENT, TRACKS), None)
    entries = find_boxes(fd, elements, table, TRACK) if table else ()
    types = ((entry, next(find_boxes(fd, elements, entry, TRACK_TYPE), None)) for entry in entries)
    videos = [entry for entry, kind in types if kind and int.from_bytes(read_content(fd, kind), "big") == VIDEO_TYPE]
    if stream is None:
        return videos
    at = container.streams.video.index(stream)
    return videos[at : at + 1]


def dolby_additions(fd: int, track: LayoutBox) -> Iterator[bytes]:
    for mapping in find_boxes(fd, elements, track, ADDITION_MAPPING):
        if any(read_content(fd, box) in DOLBY for box in find_boxes(fd, elements, mapping, ADDITION_TYPE)):
            yield from (read_content(fd, box) for box in find_boxes(fd, elements, mapping, ADDITION_DATA))


def dolby_only_profile(record: bytes) -> int | None:
    """The profile, if it needs a Dolby Vision decoder.

    `record`: two bytes of version; bits of profile, level and flags; base layer compatibility ID, 0 for none.
    """
    if len(record) < 5:
        return None
    profile, compatible = record[2] >> 1, record[4] >> 4
    return profile if profile in DOLBY_ONLY_PROFILES and compatible == 0 else None


def is_protected_asf(fd: int, stream_id: int) -> bool:
    header = next(asf_objects(fd, 0, whole_file(fd).end), None)
    return header is not None and any(
        found.name in ASF_PROTECTED for found in asf_objects(fd, header.start + 6, header.end)
    )


def is_scrambled_broadcast(fd: int, stream_id: int) -> bool:
    """Whether most of the track's first packets in a transport stream are scrambled (13818-1, 2.4.3.3)."""
    head = os.pread(fd, SAMPLE_BYTES, 0)
    length, start = next((layout for layout in PACKETS if set(head[layout[1] :: layout[0]][:3]) == {SYNC}), PACKETS[0])
    marks = [
        head[at + 3] >> 6
        for at in range(start, len(head) - 3, length)
        if head[at] == SYNC and (head[at + 1] & 0x1F) << 8 | head[at + 2] == stream_id
    ]
    return 2 * sum(mark > 0 for mark in marks) > len(marks)


def is_scrambled_disc(fd: int, stream_id: int) -> bool:
    """Whether one of the track's first packets in a program stream, as on a DVD, is scrambled (13818-1, 2.4.3.7)."""
    start = re.escape(bytes((0, 0, 1, stream_id & 0xFF)))
    return re.search(start + rb"..[\x90-\xbf]", os.pread(fd, SAMPLE_BYTES, 0), re.DOTALL) is not None


def not_encrypted(fd: int, stream_id: int) -> bool:
    return False


ENCRYPTED: dict[str, Callable[[int, int], bool]] = {
    "asf": is_protected_asf,
    "mpegts": is_scrambled_broadcast,
    "mpeg": is_scrambled_disc,
}

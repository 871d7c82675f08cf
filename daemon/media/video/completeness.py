"""Whether a video file is complete according to its headers: it has the stated length, and no part is missing.

Reads only headers. `frame_checks` detects losses inside the video data.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from uuid import UUID

from daemon.media.clip import CUT_SHORT, DAMAGED
from daemon.media.sniff import PACKETS, SYNC, Format
from daemon.media.video.container_layout import (
    MAX_BOXES,
    LayoutBox,
    asf_objects,
    elements,
    find_boxes,
    iso_boxes,
    read_content,
    riff_chunks,
    whole_file,
)

#: In larger files the small parts are not checked one by one.
FULL_SCAN_BYTES = 64_000_000
#: Search range for the last page of an Ogg file, and for the metadata at the beginning of a Flash video.
TAIL_BYTES = 70_000
#: No complete file ends with this many zeros, except in padding boxes.
ZERO_TAIL_BYTES = 4096

SEGMENT, CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
#: All elements allowed in a Matroska file, its segment, and a cluster (RFC 9559, 5.1).
MATROSKA_IDS = {
    bytes.fromhex(name)
    for name in (
        "1a45dfa3 18538067 ec bf "
        "114d9b74 1549a966 1654ae6b 1f43b675 1c53bb6b 1941a469 1043a770 1254c367 "
        "e7 5854 a7 ab a3 a0 af"
    ).split()
}
MAX_HEADER_BYTES = 12

ASF_PROPERTIES = UUID("8cabdca1-a947-11cf-8ee4-00c00c205365").bytes_le
ASF_DATA = UUID("75b22636-668e-11cf-a6d9-00aa0062ce6c").bytes_le
BROADCAST, CORRECTION = 0x01, 0x80
PADDING_BOXES = {b"free", b"skip"}
END_OF_STREAM = 4
PACK_BYTES, PROGRAM_END = 12, b"\x00\x00\x01\xb9"


def faults_of(fd: int, format: Format) -> set[str]:
    """CUT_SHORT if the file is shorter than it states, DAMAGED if parts of its structure are missing."""
    return CHECKS.get(format.name, zero_tail_faults)(fd, whole_file(fd))


def iso_faults(fd: int, file: LayoutBox) -> set[str]:
    last = b""
    for box in iso_boxes(fd, file.start, file.end):
        if box.end > file.end or (box.name == b"sidx" and segment_index_end(fd, box) > file.end):
            return {CUT_SHORT}
        last = box.name
    return set() if last in PADDING_BOXES else zero_tail_faults(fd, file)


def segment_index_end(fd: int, box: LayoutBox) -> int:
    """The end of the last segment listed in an index (ISO/IEC 14496-12, 8.16.3)."""
    index = read_content(fd, box, 1 << 20)
    is_64_bit = index[:1] == b"\1"
    at = 28 if is_64_bit else 20
    if len(index) < at + 4:
        return box.end
    first = int.from_bytes(index[20:28] if is_64_bit else index[16:20], "big")
    sizes = (int.from_bytes(index[k : k + 4], "big") & 0x7FFFFFFF for k in range(at + 4, len(index) - 3, 12))
    return box.end + first + sum(sizes)


def matroska_faults(fd: int, file: LayoutBox) -> set[str]:
    """An element without a size, as recorders write it, ends at the first element that cannot be its child."""
    at, faults = 0, zero_tail_faults(fd, file)
    for _ in range(MAX_BOXES):
        if at >= file.end:
            break
        box = next(elements(fd, at, file.end), None)
        if box is None or box.name not in MATROSKA_IDS:
            return faults | ({CUT_SHORT} if file.end - at < MAX_HEADER_BYTES else {DAMAGED})
        if box.end > file.end:
            faults.add(CUT_SHORT)
        descend = box.is_open or box.name == SEGMENT or (box.name == CLUSTER and file.end <= FULL_SCAN_BYTES)
        at = box.start if descend else box.end
    return faults


def riff_faults(fd: int, file: LayoutBox) -> set[str]:
    """A recorder writes the sizes last. Some include the eight bytes of the header."""
    for chunk in riff_chunks(fd, file.start, file.end):
        if chunk.name == b"RIFF" and (chunk.end == chunk.start or chunk.end - 8 > file.end):
            return {CUT_SHORT} | riff_list_faults(fd, file)
    return zero_tail_faults(fd, file) | riff_list_faults(fd, file)


def riff_list_faults(fd: int, file: LayoutBox) -> set[str]:
    """Every chunk in the `movi` list must have a name of letters and digits."""
    if file.end > FULL_SCAN_BYTES:
        return set()
    for parts in find_boxes(fd, riff_chunks, file, b"RIFF"):
        for part in riff_chunks(fd, parts.start + 4, parts.end):
            if part.name == b"LIST" and read_content(fd, part, 4) == b"movi":
                chunks = riff_chunks(fd, part.start + 4, min(part.end, parts.end))
                if any(not chunk.name.strip().isalnum() for chunk in chunks):
                    return {DAMAGED}
    return set()


def asf_faults(fd: int, file: LayoutBox) -> set[str]:
    """A live broadcast states no sizes. All packets have one length and begin alike, mostly with error correction."""
    objects = list(asf_objects(fd, file.start, file.end))
    if not objects:
        return set()
    header = LayoutBox(b"", objects[0].start + 6, objects[0].end)
    properties = next(find_boxes(fd, asf_objects, header, ASF_PROPERTIES), None)
    fields = read_content(fd, properties) if properties else b""
    if len(fields) < 76 or fields[64] & BROADCAST:
        return zero_tail_faults(fd, file)
    stated, length = int.from_bytes(fields[16:24], "little"), int.from_bytes(fields[68:72], "little")
    faults = {CUT_SHORT} if max(stated, objects[-1].end) > file.end else zero_tail_faults(fd, file)
    for data in objects[1:]:
        if data.name == ASF_DATA and length > 0:
            starts = range(data.start + 26, min(data.end, file.end, data.start + FULL_SCAN_BYTES), length)
            marks = [os.pread(fd, 1, at)[0] & CORRECTION for at in starts]
            faults |= {DAMAGED} if marks and marks[0] and not all(marks) else set()
    return faults


def flash_faults(fd: int, file: LayoutBox) -> set[str]:
    """From the `filesize` metadata, if present: a name of eight letters, type 0, a double."""
    head = os.pread(fd, TAIL_BYTES, 0)
    at = head.find(b"\0\x08filesize\0") + 11
    if at >= 11 and len(head) >= at + 8 and struct.unpack(">d", head[at : at + 8])[0] > file.end:
        return {CUT_SHORT}
    return zero_tail_faults(fd, file)


def zero_tail_faults(fd: int, file: LayoutBox) -> set[str]:
    """Programs that copy or download a file may allocate its full size first."""
    is_empty = file.end > ZERO_TAIL_BYTES and not any(os.pread(fd, ZERO_TAIL_BYTES, file.end - ZERO_TAIL_BYTES))
    return {CUT_SHORT} if is_empty else set()


def ogg_faults(fd: int, file: LayoutBox) -> set[str]:
    """The last page must be complete and have the end-of-stream flag (RFC 3533, 6)."""
    tail_at = max(file.end - TAIL_BYTES, 0)
    tail = os.pread(fd, TAIL_BYTES, tail_at)
    page = tail[max(tail.rfind(b"OggS"), 0) :]
    if len(page) < 27 or not page[5] & END_OF_STREAM or len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]]):
        return {CUT_SHORT}
    return {DAMAGED} if file.end <= FULL_SCAN_BYTES and misses_ogg_pages(fd, file) else set()


def misses_ogg_pages(fd: int, file: LayoutBox) -> bool:
    """Whether a page number of a stream is missing."""
    at, numbers = 0, dict[bytes, int]()
    while at < file.end:
        head = os.pread(fd, 27 + 255, at)
        if head[:4] != b"OggS" or len(head) < 27:
            return True
        serial, number = head[14:18], int.from_bytes(head[18:22], "little")
        if number and number != numbers.get(serial, number - 1) + 1:
            return True
        numbers[serial] = number
        at += 27 + head[26] + sum(head[27 : 27 + head[26]])
    return False


def program_faults(fd: int, file: LayoutBox) -> set[str]:
    """The last packet must be complete; a pack or the end code follows it (ISO/IEC 13818-1, 2.5.3)."""
    at = max(file.end - TAIL_BYTES, 0)
    tail = os.pread(fd, TAIL_BYTES, at)
    for found in list(re.finditer(rb"\x00\x00\x01[\xbb-\xff]", tail))[-1:]:
        end = found.end() + 2 + int.from_bytes(tail[found.end() : found.end() + 2], "big")
        rest = tail[end:]
        if end > len(tail) or (0 < len(rest) < PACK_BYTES and rest != PROGRAM_END):
            return {CUT_SHORT}
    return zero_tail_faults(fd, file)


def transport_faults(fd: int, file: LayoutBox) -> set[str]:
    """Every packet must begin with the sync byte, and the last one must be complete."""
    head = os.pread(fd, 3 * 192, 0)
    for length, start in PACKETS:
        if set(head[start::length][:3]) == {SYNC}:
            faults = {DAMAGED} if file.end <= FULL_SCAN_BYTES and loses_sync(fd, file, length, start) else set[str]()
            rest = file.end % length
            if rest > start and os.pread(fd, 1, file.end - rest + start) == bytes([SYNC]):
                return faults | {CUT_SHORT}
            return faults | zero_tail_faults(fd, file)
    return zero_tail_faults(fd, file)


def loses_sync(fd: int, file: LayoutBox, length: int, start: int) -> bool:
    step = length * 10_000
    chunks = (os.pread(fd, step, at)[start::length] for at in range(0, file.end, step))
    return any(chunk.count(SYNC) < len(chunk) for chunk in chunks)


def mxf_faults(fd: int, file: LayoutBox) -> set[str]:
    """The first partition states the offset of the last one (SMPTE ST 377-1, 7.1), once it is written."""
    head = os.pread(fd, 64, 0)
    length = 1 + (head[16] & 0x7F if len(head) > 16 and head[16] & 0x80 else 0)
    footer = head[16 + length + 24 : 16 + length + 32]
    return {CUT_SHORT} if int.from_bytes(footer, "big") >= file.end else zero_tail_faults(fd, file)


CHECKS: dict[str, Callable[[int, LayoutBox], set[str]]] = {
    "mp4": iso_faults,
    "mov": iso_faults,
    "mkv": matroska_faults,
    "webm": matroska_faults,
    "avi": riff_faults,
    "asf": asf_faults,
    "flv": flash_faults,
    "ogg": ogg_faults,
    "mpeg": program_faults,
    "mpegts": transport_faults,
    "mxf": mxf_faults,
}

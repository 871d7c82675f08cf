"""What cannot be described is refused in words, by intake or in the decoder process: never a false description.

Each file is real enough that it would be described, or fail in a library's words, if nobody looked.
"""

from __future__ import annotations

import io
import os
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from av.stream import Disposition
from PIL import Image

from daemon.errors import MediaError
from daemon.intake.identity import identify
from daemon.media.decoder.decoder import Decoder
from storage.records import Fingerprint
from tests.support.decoders import decode, decoding
from tests.support.media.formats import tracks
from tests.support.media.formats.boxes import FILM, box, changed
from tests.support.media.formats.containers import Coding, record
from tests.support.media.media_files import some_frames, some_image
from tests.support.refusals import is_for_people

FRAMES = some_frames(32, 1)


def refusal(decoder: Decoder, path: Path) -> MediaError | None:
    """Why intake does not take the file, or the decoder does not open it; None when it is described."""
    try:
        identify(os.fsencode(path), Fingerprint.of(path.lstat()), max_bytes=10**9)
        decode(decoder, path)
    except MediaError as error:
        return error
    return None


def check_refused(path: Path, *words: str, code: str = "not-allowed") -> None:
    with decoding() as decoder:
        error = refusal(decoder, path)
    assert error is not None, f"{path.name} was described"
    text = f"{error} {error.advice}"
    assert error.code == code, text
    assert any(word in text.lower() for word in words), text
    assert is_for_people(str(error)), text


KEY = {"encryption_key": "76a6c65c5ea762046bd749a2e632ccbb", "encryption_kid": "a7e61c373e219033c21091fa607bf3b8"}


def test_an_encrypted_film_is_reported_as_encrypted(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mp4", FRAMES, Coding(options={"encryption_scheme": "cenc-aes-ctr", **KEY}))
    check_refused(path, "encrypted")


def test_a_film_whose_pictures_are_noise_is_reported_as_damaged(tmp_path: Path) -> None:
    """Decoders show gray or smear instead of failing."""
    for name, codec in (("a.mp4", "libx264"), ("b.mp4", "mpeg4"), ("c.mkv", "mpeg2video")):
        path = record(tmp_path / name, FRAMES, Coding(codec=codec, rate=25))
        content = bytearray(path.read_bytes())
        start = content.index(b"mdat") + 4 if name.endswith("mp4") else 1500
        end = content.rindex(b"moov") - 4 if name.endswith("mp4") else len(content)
        content[start:end] = random.Random(3).randbytes(end - start)
        path.write_bytes(content)
        check_refused(path, "damaged", code="unreadable")


def test_colours_for_dolby_screens_alone_are_reported_as_that(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mp4", FRAMES, Coding(codec="libx265", pixels="yuv420p10le"))
    profile_5 = struct.pack(">BBHB", 1, 0, 5 << 9 | 6 << 3 | 5, 0) + bytes(19)

    def described(stsd: bytes) -> bytes:
        (size,) = struct.unpack_from(">I", stsd, 8)
        return stsd[:8] + box(stsd[12:16].decode(), stsd[16 : 8 + size] + box("dvcC", profile_5)) + stsd[8 + size :]

    path.write_bytes(changed(path.read_bytes(), [*FILM, "mdia", "minf", "stbl", "stsd"], described))
    check_refused(path, "dolby")


def song_with_a_cover(path: Path) -> None:
    tracks.record_tracks(path, [tracks.sound(), tracks.cover(some_image(), Disposition(0))], container="mov")


SOUND: dict[str, Callable[[Path], object]] = {
    "voice.m4a": lambda path: tracks.record_tracks(path, [tracks.sound()], container="ipod"),
    "voice.mp4": lambda path: tracks.record_tracks(path, [tracks.sound()]),
    "voice.mov": lambda path: tracks.record_tracks(path, [tracks.sound()]),
    "voice.3gp": lambda path: tracks.record_tracks(path, [tracks.sound()]),
    "voice.mkv": lambda path: tracks.record_tracks(path, [tracks.sound()]),
    "voice.webm": lambda path: tracks.record_tracks(path, [tracks.sound(codec="libopus", rate=48000)]),
    "voice.wma": lambda path: tracks.record_tracks(path, [tracks.sound(codec="wmav2", rate=44100)], container="asf"),
    "voice.ogg": lambda path: tracks.record_tracks(path, [tracks.sound(codec="libopus", rate=48000)], container="ogg"),
    "song.mp3": lambda path: tracks.record_tracks(
        path, [tracks.sound(codec="libmp3lame", rate=44100)], container="mp3"
    ),
    "song-with-cover.m4a": song_with_a_cover,
    "song-with-cover.mp4": lambda path: tracks.record_tracks(path, [tracks.sound(), tracks.cover(some_image())]),
    "song-with-cover.mkv": lambda path: tracks.record_tracks(
        path, [tracks.sound(), tracks.matroska_cover(some_image())]
    ),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_alone_is_reported_as_sound(tmp_path: Path, name: str) -> None:
    SOUND[name](tmp_path / name)
    check_refused(tmp_path / name, "sound", "song", "music", "audio", "recording")


def zipped(entries: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return content.getvalue()


def icon() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(content, "ICO")
    return content.getvalue()


def jpeg_2000() -> bytes:
    content = io.BytesIO()
    some_image().save(content, "JPEG2000")
    return content.getvalue()


FOREIGN: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "a.psd": (b"8BPS\0\x01" + bytes(6) + struct.pack(">HIIHH", 3, 240, 320, 8, 3) + bytes(100), ("photoshop",)),
    "a.svg": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9"/>', ("svg", "drawing")),
    "a.ico": (icon(), ("icon",)),
    "a.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< >>\nendobj\n", ("pdf",)),
    "a.jp2": (jpeg_2000(), ("jpeg 2000",)),
    "a.raf": (b"FUJIFILMCCD-RAW 0201FF129502X-T2" + bytes(4000), ("raw",)),
    "a.rw2": (b"IIU\0\x08\0\0\0" + bytes(4000), ("raw",)),
    "a.cr3": (box("ftyp", b"crx \0\0\0\x01crx isom") + box("moov", bytes(4000)), ("raw",)),
    "a.zip": (zipped({"letter": b"hello"}), ("zip", "archive")),
    "a.docx": (zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>"}), ("word", "document", "zip")),
    "a.txt": (b"Dear Sir or Madam,\nthis is a letter.\n", ("text",)),
    "a.html": (b"<!DOCTYPE html><html><body>hello</body></html>", ("web page", "html", "text")),
    "a.wav": (b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + bytes(28), ("sound", "wav")),
    "a.exe": (b"MZ" + bytes(200), ("program", "not recognise")),
    "a.bin": (bytes(range(256)) * 20, ("not recognise",)),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_of_another_kind_is_named(tmp_path: Path, name: str) -> None:
    content, words = FOREIGN[name]
    (tmp_path / name).write_bytes(content)
    check_refused(tmp_path / name, *words)


def test_a_picture_beyond_all_measure_is_refused_with_the_limit(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + bytes(4)
    (tmp_path / "a.png").write_bytes(png + struct.pack(">I", 4) + b"IDAT" + bytes(8))
    with decoding() as decoder:
        error = refusal(decoder, tmp_path / "a.png")
    assert error is not None
    assert error.code in ("too-large", "unreadable")
    assert is_for_people(str(error))

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from daemon.errors import MediaError, NotAllowedError
from tests.support.clips import read
from tests.support.media.media_files import grey_frames, save_video
from tests.support.media.track_kinds import Beside, Film, save_film, save_films

#: AES, with a key that nobody has any more.
CENC = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
    "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
}


def refused(path: Path) -> NotAllowedError:
    with pytest.raises(NotAllowedError) as refusal:
        read(path)
    return refusal.value


def element(name: str, content: bytes = b"") -> bytes:
    """A Matroska element with a one-byte size."""
    return bytes.fromhex(name) + bytes([0x80 | len(content)]) + content


def with_element(path: Path, new: bytes) -> Path:
    """A Matroska file with an element in its track's entry, in place of the track's title."""
    title = "A title that is as long as what will stand in its stead, and longer."
    content = save_films(path, [Film(frames=grey_frames(8), title=title)]).read_bytes()
    old = element("536e", title.encode())
    path.write_bytes(content.replace(old, new + element("ec", bytes(len(old) - len(new) - 2))))
    return path


def with_box(path: Path, name: bytes, content: bytes) -> Path:
    """The same MP4, with a box in its sample entry in place of the one for the bit rate."""
    path.write_bytes(
        path.read_bytes().replace(path.read_bytes()[rate_at(path) :][:16], name + content.ljust(12, b"\0"))
    )
    return path


def rate_at(path: Path) -> int:
    return path.read_bytes().index(b"btrt")


def record(profile: int, compatible: int) -> bytes:
    """A Dolby Vision configuration: level 6, with its own and a base layer."""
    return struct.pack(">BBHB", 1, 0, profile << 9 | 6 << 3 | 0b101, compatible << 4)


def common_encryption(folder: Path) -> Path:
    return save_films(folder / "a.mp4", [Film(frames=grey_frames(8))], options=CENC)


def common_encryption_in_fragments(folder: Path) -> Path:
    how = CENC | {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    return save_films(folder / "a.mp4", [Film(frames=grey_frames(8))], options=how)


def fairplay(folder: Path) -> Path:
    path = save_film(folder / "a.m4v", grey_frames(8))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"drmi"))
    return path


def encrypted_webm(folder: Path) -> Path:
    key = element("5035", element("47e1", b"\5") + element("47e2", b"0123456789abcdef"))
    return with_element(folder / "a.webm", element("6d80", element("6240", element("5033", b"\1") + key)))


def windows_media_drm(folder: Path) -> Path:
    path = save_film(folder / "a.wmv", grey_frames(8))
    content = path.read_bytes()
    size, count = struct.unpack("<QI", content[16:28])
    fields = b"".join(struct.pack("<I", len(field)) + field for field in (b"secret", b"DRM\0", b"key\0", b"url\0"))
    added = UUID("2211b3fb-bd23-11d2-b4b7-00a0c955fc6e").bytes_le + struct.pack("<Q", 24 + len(fields)) + fields
    header = content[:16] + struct.pack("<QI", size + len(added), count + 1) + content[28:size] + added
    path.write_bytes(header + content[size:])
    return path


def scrambled_broadcast(folder: Path) -> Path:
    """As recorded without the receiver's card. The unscrambled packets describe the streams."""
    path = save_film(folder / "a.ts", grey_frames(24))
    content = bytearray(path.read_bytes())
    for at in range(0, len(content), 188):
        if (content[at + 1] & 0x1F) << 8 | content[at + 2] == 0x100 and at > 188 * 6:
            content[at + 3] |= 0x80
    path.write_bytes(content)
    return path


def scrambled_disc(folder: Path) -> Path:
    path = save_film(folder / "a.vob", grey_frames(24))
    content = bytearray(path.read_bytes())
    content[content.rindex(b"\0\0\1\xe0") + 6] |= 0x10
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "make",
    [
        common_encryption,
        common_encryption_in_fragments,
        fairplay,
        encrypted_webm,
        windows_media_drm,
        scrambled_broadcast,
        scrambled_disc,
    ],
)
def test_an_encrypted_video_is_refused_as_that(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    error = refused(make(tmp_path))
    assert (error.code, str(error)) == ("not-allowed", "It is encrypted and cannot be decoded without its key.")


def test_encrypted_sound_does_not_prevent_decoding_the_video(tmp_path: Path) -> None:
    path = save_films(tmp_path / "a.mp4", [Film(frames=grey_frames(8))], Beside(sounds=1))
    path.write_bytes(path.read_bytes().replace(b"mp4a", b"enca"))
    assert read(path).media.frames_seen == 4


@pytest.mark.parametrize(("profile", "compatible"), [(5, 0), (10, 0)])
def test_colours_for_dolby_vision_alone_are_refused_as_that(tmp_path: Path, profile: int, compatible: int) -> None:
    words = f"Its colours can only be decoded for Dolby Vision screens (profile {profile})."
    dolby = with_box(save_video(tmp_path / "a.mp4", grey_frames(8)), b"dvcC", record(profile, compatible))
    assert str(refused(dolby)) == words
    mapping = element("41e4", element("41e7", b"dvcC") + element("41ed", record(profile, compatible)))
    assert str(refused(with_element(tmp_path / "a.mkv", mapping))) == words


@pytest.mark.parametrize(("profile", "compatible"), [(8, 1), (8, 4), (7, 6), (10, 1), (4, 0)])
def test_dolby_vision_over_ordinary_colours_is_shown(tmp_path: Path, profile: int, compatible: int) -> None:
    path = save_video(tmp_path / "a.mp4", grey_frames(8))
    assert read(with_box(path, b"dvvC", record(profile, compatible))).media.frames_seen == 4


def test_headers_that_lead_nowhere_protect_nothing(tmp_path: Path) -> None:
    """For any content of the boxes, reading raises only MediaError."""
    for suffix in (".mp4", ".mkv", ".wmv", ".ts", ".vob"):
        path = save_film(tmp_path / f"a{suffix}", grey_frames(8))
        whole = path.read_bytes()
        for at in range(0, min(len(whole), 1500), 19):
            path.write_bytes(whole[:at] + b"\xff\xff\xff\xff" + whole[at + 4 :])
            try:
                assert read(path).pictures
            except MediaError:
                continue

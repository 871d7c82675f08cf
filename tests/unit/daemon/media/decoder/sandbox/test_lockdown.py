from __future__ import annotations

import errno
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.errors import DecoderBrokenError, MediaError
from daemon.media.decoder.sandbox import landlock, seatbelt, seccomp
from daemon.media.decoder.sandbox.lockdown import Sandbox, apply_locks
from storage.lifecycle import Cause
from tests.fakes.readers import forget_module, no_sandbox, remember_modules, scripted, without_late_imports
from tests.support.checkout import ROOT
from tests.support.decoders import command_file, decode, decoding, reader_message
from tests.support.media.media_files import grey_frames, save_image, save_video, some_image, turn_video
from tests.support.media.track_kinds import CONTAINERS, TAPE, Beside, Film, save_film, save_films

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")
HEADERS = {
    seccomp.X86_64: Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    seccomp.AARCH64: Path("/usr/include/asm-generic/unistd.h"),
}


def answers(machine: str, number: int, architecture: int) -> int:
    """The kernel's decision: the filter program, interpreted."""
    data = {seccomp.NUMBER_AT: number, seccomp.ARCHITECTURE_AT: architecture}
    program, at, word = seccomp.program(machine), 0, 0
    while True:
        code, yes, no, value = struct.unpack("=HBBI", program[at])
        at += 1
        if code == seccomp.ANSWER:
            return int(value)
        if code == seccomp.LOAD:
            word = data[value]
        else:
            holds = word == value if code == seccomp.IF_EQUAL else word >= value
            at += yes if holds else no


@pytest.mark.parametrize(("machine", "column"), [(seccomp.X86_64, 0), (seccomp.AARCH64, 1)])
def test_the_filter_refuses_its_list_and_nothing_else(machine: str, column: int) -> None:
    own = seccomp.AUDIT_ARCHITECTURE[machine]
    listed = {pair[column] for pair in seccomp.FORBIDDEN.values()} - {None}
    refused = {number for number in range(1000) if answers(machine, number, own) == seccomp.REFUSE}
    assert refused == listed
    assert answers(machine, seccomp.X32 + 1, own) == seccomp.REFUSE
    assert answers(machine, 0, own + 1) == seccomp.KILL


@pytest.mark.parametrize(("machine", "column"), [(seccomp.X86_64, 0), (seccomp.AARCH64, 1)])
def test_the_calls_numbers_are_the_kernels(machine: str, column: int) -> None:
    if not HEADERS[machine].exists():
        pytest.skip("the kernel's headers are not here")
    text = HEADERS[machine].read_text()
    stated = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", text)}
    ours = {name: pair[column] for name, pair in seccomp.FORBIDDEN.items() if name in stated}
    assert len(ours) > 40
    assert ours == {name: stated[name] for name in ours}


@pytest.mark.parametrize(
    ("version", "fields"),
    [(1, (0x1FFF,)), (3, (0x7FFF,)), (4, (0x7FFF, 3)), (5, (0xFFFF, 3)), (6, (0xFFFF, 3, 3)), (9, (0xFFFF, 3, 3))],
)
def test_landlock_denies_everything_that_its_version_supports(version: int, fields: tuple[int, ...]) -> None:
    assert struct.unpack(f"={len(fields)}Q", landlock.ruleset(version)) == fields


def test_the_macs_profile_denies_network_and_writing() -> None:
    profile = seatbelt.profile([])
    assert profile.startswith("(version 1)\n(allow default)\n")
    assert {"(deny network*)", "(deny file-write*)", "(deny process-exec*)"} <= set(profile.splitlines())


def test_the_macs_profile_denies_peoples_files_and_allows_python_its_own_afterwards() -> None:
    """The last matching rule wins. Only a Mac can show that the system accepts it."""
    lines = seatbelt.profile(["/Users/me/.venv", '/Users/a "b"\\c', "/Users/me/.venv"]).splitlines()
    assert lines[-4:] == [
        '(deny file-read-data (subpath "/Users"))',
        '(deny file-read-data (subpath "/Volumes"))',
        '(allow file-read-data (subpath "/Users/me/.venv"))',
        '(allow file-read-data (subpath "/Users/a \\"b\\"\\\\c"))',
    ]


def test_the_folders_that_python_needs_hold_all_that_reading_loads_and_no_inbox() -> None:
    needed = [Path(folder) for folder in seatbelt.required_folders()]
    # What the interpreter loads at its start, such as Debian's sitecustomize in /etc, is read before the sandbox.
    script = "import sys; before = set(sys.modules); from daemon.media.decoder.warmup import preload; preload(); "
    script += "print(*(file for name, module in list(sys.modules.items()) if name not in before and "
    script += "(file := getattr(module, '__file__', None))), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = [Path(line).resolve() for line in done.stdout.splitlines()]
    assert any(file.is_relative_to(ROOT / "daemon") for file in loaded)
    assert [file for file in loaded if not any(file.is_relative_to(folder) for folder in needed)] == []
    assert not any((ROOT / "inbox").is_relative_to(folder) for folder in needed)


def test_a_refused_lock_is_reported_and_the_others_apply() -> None:
    def refuses() -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    assert apply_locks({"first": refuses, "second": lambda: None}) == Sandbox(
        kind="second", reason="first: Function not implemented"
    )
    assert apply_locks({"first": refuses}).kind == "none"
    assert apply_locks({}) == Sandbox(kind="none", reason=f"smolwatch has no sandbox for {sys.platform}")
    assert apply_locks({"first": lambda: None, "second": lambda: None}) == Sandbox(kind="first+second")


@ON_LINUX
def test_a_hijacked_decoder_can_do_nothing_outside(tmp_path: Path) -> None:
    with decoding(scripted) as decoder:
        sandbox = decoder.sandbox()
        if sandbox.kind != "landlock+seccomp":
            pytest.skip(f"this kernel has less: {sandbox.reason}")
        assert reader_message(decoder, command_file(tmp_path, "escape")) == "none"


def test_without_a_sandbox_the_same_attempts_succeed(tmp_path: Path) -> None:
    """Or the test above could not fail."""
    with decoding(scripted, no_sandbox) as decoder:
        assert {"read", "list", "utime", "tcp", "udp", "unix", "exec", "signal"} <= set(
            reader_message(decoder, command_file(tmp_path, "escape")).split()
        )


def files_of_every_kind(folder: Path) -> list[Path]:
    files = [
        save_image(folder / f"{mode}{suffix}", some_image(1, (64, 48)).convert(mode))
        for suffix, modes in {
            ".jpg": ("RGB", "L", "CMYK"),
            ".png": ("RGB", "RGBA", "P", "1", "I;16"),
            ".gif": ("P", "L"),
            ".bmp": ("RGB", "P"),
            ".webp": ("RGB", "RGBA"),
            ".tiff": ("RGB", "LAB", "YCbCr", "F", "I", "CMYK"),
            ".heic": ("RGB", "RGBA"),
        }.items()
        for mode in modes
    ]
    files += [save_image(folder / f"turned{suffix}", some_image(1), orientation=6) for suffix in (".jpg", ".tiff")]
    some_image(1).save(folder / "many.mpo", save_all=True, append_images=[some_image(2)])
    return [*files, folder / "many.mpo", turn_video(save_video(folder / "turned.mp4", grey_frames(8)), 90)]


#: Every kind of track that the container of that suffix can hold beside the film.
BESIDE = {
    ".mp4": Beside(subtitles=("mov_text",), sounds=1, cover=True, chapters=True),
    ".mov": Beside(subtitles=("mov_text",), sounds=1, timecode=True),
    ".mkv": Beside(
        subtitles=("subrip", "ass", "webvtt", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"),
        sounds=1,
        cover=True,
        attachment=True,
        chapters=True,
    ),
    ".webm": Beside(subtitles=("webvtt",), sounds=1),
    ".ts": Beside(
        subtitles=("dvb_subtitle", "dvb_teletext", "hdmv_pgs_subtitle"), data=("klv", "timed_id3", "scte_35"), sounds=1
    ),
    ".vob": Beside(subtitles=("dvd_subtitle",), sounds=1),
    ".mxf": Beside(sounds=1, timecode=True),
    ".avi": Beside(sounds=1),
    ".wmv": Beside(sounds=1),
    ".flv": Beside(sounds=1),
    ".ogv": Beside(sounds=1),
    ".3gp": Beside(subtitles=("mov_text",), sounds=1),
}


def films_of_every_kind(folder: Path) -> list[Path]:
    frames = grey_frames(8, (128, 96))
    alone = [save_film(folder / f"film{suffix}", frames) for suffix in sorted(CONTAINERS.keys() - {".dv"})]
    alone.append(save_film(folder / "film.dv", grey_frames(2, TAPE)))
    films = [Film(frames=frames, fps=25)]
    return alone + [save_films(folder / f"beside{suffix}", films, beside) for suffix, beside in BESIDE.items()]


def refused_files(folder: Path) -> list[Path]:
    """Refused files take their own code paths through the libraries."""
    torn = folder / "torn.mp4"
    torn.write_bytes(save_film(folder / "whole.mp4", grey_frames(8)).read_bytes()[:300])
    empty = folder / "none.jpg"
    empty.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    encrypted = save_film(folder / "encrypted.m4v", grey_frames(8))
    encrypted.write_bytes(encrypted.read_bytes().replace(b"avc1", b"encv"))
    codec = save_films(folder / "codec.avi", [Film(frames=grey_frames(8), codec="asv1")])
    return [save_films(folder / "sound.mkv", [], Beside(sounds=1)), torn, empty, encrypted, codec]


def test_no_format_needs_anything_that_was_not_loaded_before_the_lock(tmp_path: Path) -> None:
    with decoding(without_late_imports, remember_modules) as decoder:
        for path in [*files_of_every_kind(tmp_path), *films_of_every_kind(tmp_path)]:
            assert decode(decoder, path).pictures, path.name
        for path in refused_files(tmp_path):
            with pytest.raises(MediaError) as refusal:
                decode(decoder, path)
            assert refusal.value.code in ("unreadable", "not-allowed"), path.name


def test_a_late_import_would_be_detected(tmp_path: Path) -> None:
    """Or the tests around this one could not fail."""
    with decoding(without_late_imports, forget_module) as decoder, pytest.raises(DecoderBrokenError) as broken:
        decode(decoder, save_film(tmp_path / "a.mkv", grey_frames(4)))
    assert broken.value.detail.startswith("ImportError: loaded late: ")


READS = """
import sys
from pathlib import Path
from daemon.errors import DecoderBrokenError, MediaError
from tests.support.decoders import decode, decoding
from tests.fakes.readers import remember_modules, without_late_imports
if __name__ == "__main__":
    with decoding(without_late_imports, remember_modules) as decoder:
        for path in sys.argv[2:]:
            try:
                decode(decoder, Path(path))
            except DecoderBrokenError as error:
                sys.exit(f"{path}: {error.detail}")
            except MediaError as error:
                assert sys.argv[1] == "refused", f"{path}: {error}"
        print(decoder.sandbox().kind)
"""


@pytest.mark.parametrize(
    ("how", "made"), [("read", files_of_every_kind), ("read", films_of_every_kind), ("refused", refused_files)]
)
def test_the_process_as_it_is_loads_nothing_late_and_complains_of_nothing(
    tmp_path: Path, how: str, made: Callable[[Path], list[Path]]
) -> None:
    """In a plain process: under pytest, it would begin by importing pytest."""
    script = tmp_path / "reads.py"
    script.write_text(READS)
    command = [sys.executable, str(script), how, *map(str, made(tmp_path))]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() in ("landlock+seccomp", "landlock", "seccomp", "seatbelt", "none")


@ON_LINUX
@pytest.mark.parametrize("attempt", ["import", "look-up"])
def test_what_the_locked_in_process_cannot_load_is_the_machines_fault(tmp_path: Path, attempt: str) -> None:
    with decoding(scripted) as decoder:
        if "landlock" not in decoder.sandbox().kind:
            pytest.skip("nothing keeps it from opening files here")
        with pytest.raises(DecoderBrokenError) as broken:
            decode(decoder, command_file(tmp_path, attempt))
        assert broken.value.cause is Cause.ENVIRONMENT
        assert "Error" in broken.value.detail
        assert decode(decoder, save_image(tmp_path / "a.png", some_image(1))).pictures  # the next file is read as ever

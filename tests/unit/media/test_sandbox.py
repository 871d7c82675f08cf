from __future__ import annotations

import errno
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.media.sandbox import Sandbox, landlock, locked_by, seatbelt, seccomp
from tests.fakes.decoding import decoding, opened, order, told
from tests.fakes.readers import late, obedient, remembering, unlocked
from tests.shapes.files import CODECS, grey_frames, save_image, save_sound, save_video, some_image, turn_video

ROOT = Path(__file__).parents[3]
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")
HEADERS = {
    seccomp.X86_64: Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    seccomp.AARCH64: Path("/usr/include/asm-generic/unistd.h"),
}


def answers(machine: str, number: int, architecture: int) -> int:
    """What the kernel would do: the filter, run by hand."""
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
def test_landlock_takes_away_all_that_its_version_knows(version: int, fields: tuple[int, ...]) -> None:
    assert struct.unpack(f"={len(fields)}Q", landlock.ruleset(version)) == fields


def test_the_macs_profile_denies_network_and_writing() -> None:
    assert seatbelt.profile().startswith("(version 1)\n(allow default)\n")
    assert {"(deny network*)", "(deny file-write*)", "(deny process-exec*)"} <= set(seatbelt.profile().splitlines())


def test_what_the_system_refuses_is_said_and_the_rest_holds() -> None:
    def refuses() -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    assert locked_by({"first": refuses, "second": lambda: None}) == Sandbox(
        kind="second", reason="first: Function not implemented"
    )
    assert locked_by({"first": refuses}).kind == "none"
    assert locked_by({}) == Sandbox(kind="none", reason=f"smolwatch knows no sandbox for {sys.platform}")
    assert locked_by({"first": lambda: None, "second": lambda: None}) == Sandbox(kind="first+second")


@ON_LINUX
def test_a_hijacked_decoder_can_do_nothing_outside(tmp_path: Path) -> None:
    with decoding(obedient) as decoder:
        sandbox = decoder.sandbox()
        if sandbox.kind != "landlock+seccomp":
            pytest.skip(f"this kernel has less: {sandbox.reason}")
        assert told(decoder, order(tmp_path, "escape")) == "none"


def test_without_a_sandbox_the_same_attempts_succeed(tmp_path: Path) -> None:
    """Or the test above could not fail."""
    with decoding(obedient, unlocked) as decoder:
        assert {"read", "list", "utime", "tcp", "udp", "unix", "exec", "signal"} <= set(
            told(decoder, order(tmp_path, "escape")).split()
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
    suffixes = {"mp4": ".mp4", "mov": ".mov", "matroska": ".mkv", "webm": ".webm", "avi": ".avi"}
    files += [save_video(folder / f"film{suffixes[name]}", grey_frames(8)) for name in CODECS]
    return [*files, folder / "many.mpo", turn_video(save_video(folder / "turned.mp4", grey_frames(8)), 90)]


def test_no_format_needs_anything_that_was_not_loaded_before_the_lock(tmp_path: Path) -> None:
    with decoding(late, remembering) as decoder:
        for path in files_of_every_kind(tmp_path):
            assert opened(decoder, path).pictures, path.name
        assert "no video stream" in told(decoder, save_sound(tmp_path / "sound.mp4"))


READS = """
import sys
from tests.fakes.decoding import decoding, opened
from pathlib import Path
with decoding() as decoder:
    for path in sys.argv[1:]:
        opened(decoder, Path(path))
    print(decoder.sandbox().kind)
"""


def test_the_process_as_it_is_reads_every_format_and_complains_of_nothing(tmp_path: Path) -> None:
    """Without what tests load besides: a process under pytest begins by importing pytest."""
    command = [sys.executable, "-c", READS, *map(str, files_of_every_kind(tmp_path))]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() in ("landlock+seccomp", "landlock", "seccomp", "seatbelt", "none")

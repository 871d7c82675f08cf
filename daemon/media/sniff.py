"""Detects the format of a file by its first bytes, not its name: a PNG named .jpg is a PNG. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from storage.records import MediaKind

#: Bytes that `sniff` needs: enough for a long list of brands, and for three packets of a transport stream.
HEAD_BYTES = 4096

MEDIA_SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .png .apng .webp .gif .bmp .tif .tiff .heic .heif .hif .avif .jxl "
    ".dng .nef .nrw .cr2 .cr3 .arw .srf .sr2 .pef .orf .rw2 .raf .srw .mrw .x3f "
    ".mp4 .m4v .mov .qt .3gp .3g2 .mkv .webm .avi .ts .m2t .mts .m2ts .mpg .mpeg .vob .wmv .asf .flv .ogv .mxf "
    ".dv".split()
)


@dataclass(frozen=True)
class Format:
    """`name`: "jpeg", "heif", "mp4", … `kind`: that of most such files; an animated GIF is a video after decoding."""

    name: str
    kind: MediaKind


def image(name: str) -> Format:
    return Format(name, MediaKind.IMAGE)


def video(name: str) -> Format:
    return Format(name, MediaKind.VIDEO)


SIGNATURES = (
    (b"\xff\xd8\xff", image("jpeg")),
    (b"\x89PNG\r\n\x1a\n", image("png")),
    (b"GIF87a", image("gif")),
    (b"GIF89a", image("gif")),
    (b"II*\0", image("tiff")),
    (b"MM\0*", image("tiff")),
    (b"II+\0", image("tiff")),
    (b"MM\0+", image("tiff")),
    (b"\xff\x0a", image("jxl")),
    (b"\0\0\0\x0cJXL \r\n\x87\n", image("jxl")),
    # Camera raw files that are not TIFF: Olympus, Panasonic, Fujifilm, Minolta, Sigma.
    (b"IIRO", image("raw")),
    (b"IIRS", image("raw")),
    (b"MMOR", image("raw")),
    (b"IIU\0", image("raw")),
    (b"FUJIFILMCCD-RAW", image("raw")),
    (b"\0MRM", image("raw")),
    (b"FOVb", image("raw")),
    (b"FLV\x01", video("flv")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", video("asf")),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01", video("mxf")),
    (b"\0\0\x01\xba", video("mpeg")),  # a program stream: MPG, VOB
    (b"\0\0\x01\xb3", video("mpegvideo")),  # an elementary stream
)
#: "BM" alone is ambiguous; a bitmap also states the size of its second header, which is one of these.
BITMAP_HEADERS = {12, 40, 52, 56, 64, 108, 124}

HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
AVIF_BRANDS = frozenset({b"avif", b"avis"})
#: Brands of the container that HEIC and AVIF share; the compatible brands tell them apart.
HEIF_BRANDS = frozenset({b"mif1", b"mif2", b"msf1", b"miaf", b"MiHE", b"MiHB", b"MiHA", b"heis"})
#: ISO media files without video: JPEG 2000, JPEG XL, and audio files.
OTHER_BRANDS = frozenset({b"jp2 ", b"jpx ", b"jpm ", b"mjp2", b"jxl ", b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})
CANON_RAW = b"crx "
#: Boxes with which a QuickTime or MP4 file may begin, before `ftyp` or without it.
OTHER_BOXES = frozenset({b"moov", b"mdat", b"wide", b"pnot", b"free", b"skip", b"uuid"})

#: Transport streams: packets of 188 bytes that begin with "G"; on camcorder cards after four extra bytes.
SYNC = 0x47
PACKETS = ((188, 0), (192, 4))
#: Raw DV: the header block of a frame, of 60 or 50 fields a second, and the next block, 80 bytes later.
DV_HEADERS, DV_SECOND_BLOCK, DV_BLOCK_BYTES = (b"\x1f\x07\x00\x3f", b"\x1f\x07\x00\xbf"), b"\x3f\x07\x00", 80
#: Identifiers of video codecs in an Ogg page. Without one, the file is audio.
OGG_VIDEO_CODECS = (b"\x80theora", b"BBCD\0", b"OVP80", b"\x01video\0")


def sniff(head: bytes) -> Format | None:
    """The format of a file that begins with `head` (HEAD_BYTES, or all of a shorter file); None if not supported."""
    for signature, format in SIGNATURES:
        if head.startswith(signature):
            return format
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in BITMAP_HEADERS:
        return image("bmp")
    if head.startswith(b"RIFF"):
        return {b"WEBP": image("webp"), b"AVI ": video("avi")}.get(head[8:12])
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return video("webm" if b"webm" in head[:64] else "mkv")
    if head.startswith(b"OggS"):
        return video("ogg") if any(name in head for name in OGG_VIDEO_CODECS) else None
    if head.startswith(DV_HEADERS) and head.startswith(DV_SECOND_BLOCK, DV_BLOCK_BYTES):
        return video("dv")
    if is_transport_stream(head):
        return video("mpegts")
    return by_boxes(head)


def is_transport_stream(head: bytes) -> bool:
    """Whether at least three packets follow each other, and all in `head` are in sync."""
    return any(
        len(head) >= 2 * length + start + 1 and all(byte == SYNC for byte in head[start::length])
        for length, start in PACKETS
    )


def by_boxes(head: bytes) -> Format | None:
    """The format of an ISO media file: by the brands of `ftyp`, which small boxes may precede."""
    found = None
    for name, content in boxes(head):
        if name == b"ftyp":
            return by_brand(content)
        if name not in OTHER_BOXES:
            break
        found = video("mov")
    return found


def boxes(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes in `head` as (name, content)."""
    at = 0
    while at + 8 <= len(head):
        size = int.from_bytes(head[at : at + 4], "big")
        yield head[at + 4 : at + 8], head[at + 8 : at + max(size, 8)]
        if size < 8:  # up to the end of the file, or a 64-bit size
            return
        at += size


def by_brand(content: bytes) -> Format | None:
    """By the major brand and, if that is ambiguous, by the compatible ones."""
    major, compatible = content[:4], {content[at : at + 4] for at in range(8, len(content), 4)}
    if major in HEIC_BRANDS or (major in HEIF_BRANDS and compatible & HEIC_BRANDS):
        return image("heif")
    if major in AVIF_BRANDS or (major in HEIF_BRANDS and compatible & AVIF_BRANDS):
        return image("avif")
    if major == CANON_RAW:
        return image("raw")
    if len(major) < 4 or major in HEIF_BRANDS or major in OTHER_BRANDS:
        return None
    return video("mov" if major == b"qt  " else "mp4")

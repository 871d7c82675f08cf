"""Identifies files that smolwatch does not describe, by their first bytes. Pure.

Sources: the formats' own specifications, and the magic numbers of file(1) and of PRONOM.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from daemon.errors import ForeignError
from daemon.media.foreign.foreign_kinds import BLANK, KINDS, UNKNOWN, ForeignKind
from daemon.media.foreign.foreign_texts import identify_text
from daemon.media.sniff import HEIF_BRANDS, OTHER_BOXES, boxes

#: Signatures at fixed offsets (offset, bytes, code). The first match wins.
SIGNATURES = (
    (0, b"8BPS\0\x01", "psd"),
    (0, b"8BPS\0\x02", "psb"),
    (0, b"\xc5\xd0\xd3\xc6", "eps"),
    (0, b"icns", "icns"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    (0, b"\xff\x4f\xff\x51", "jp2"),
    (0, b"II\xbc\x01", "jxr"),
    (0, b"II\xbc\x00", "jxr"),
    (0, b"\x76\x2f\x31\x01", "exr"),
    (0, b"#?RADIANCE", "hdr"),
    (0, b"#?RGBE", "hdr"),
    (0, b"DDS \x7c\0\0\0", "dds"),
    (0, b"gimp xcf", "xcf"),
    (0, b"qoif", "qoi"),
    (0, b"BPG\xfb", "bpg"),
    (0, b"FLIF", "flif"),
    (0, b"\x01\xda\0\x01", "sgi"),
    (0, b"\x01\xda\x01\x01", "sgi"),
    (0, b"\x59\xa6\x6a\x95", "sun-raster"),
    (0, b"\xabKTX ", "ktx"),
    (0, b"\xd7\xcd\xc6\x9a", "wmf"),
    (40, b" EMF\0\0\x01\0", "emf"),
    (0, b"\x00\xffKA", "affinity"),
    (0, b"\x06\x06\xed\xf5\xd8\x1d\x46\xe5\xbd\x31\xef\xe7\xfe\x74\xb7\x1d", "indesign"),
    (0, b"CSFCHUNK", "clip"),
    (0, b"Paint Shop Pro Image File\n", "psp"),
    (128, b"DICM", "dicom"),
    (0, b"SIMPLE  =", "fits"),
    (6, b"HEAPCCDR", "crw"),
    (0, b"BLENDER", "blender"),
    (0, b"glTF", "gltf"),
    (0, b"Kaydara FBX Binary", "fbx"),
    (0, b"PXR-USDC", "usd"),
    (0, b".RMF", "realmedia"),
    (0, b".ra\xfd", "realaudio"),
    (0, b"DKIF", "ivf"),
    (0, b"YUV4MPEG2", "y4m"),
    (0, b"\xb7\xd8\x00\x20\x37\x49\xda\x11\xa6\x4e\x00\x07\xe9\x5e\xad\x8d", "wtv"),
    (4, b"RED1", "r3d"),
    (4, b"RED2", "r3d"),
    (0, b"BIKi", "bink"),
    (0, b"KB2", "bink"),
    (0, b"\0\0\0\x01\x67", "h264"),
    (0, b"\0\0\0\x01\x09\x10\0\0\0\x01\x67", "h264"),
    (0, b"\0\0\0\x01\x40\x01", "h265"),
    (0, b"ID3", "mp3"),
    (0, b"fLaC", "flac"),
    (0, b"MAC ", "ape"),
    (0, b"wvpk", "wavpack"),
    (0, b"MPCK", "musepack"),
    (0, b"MP+", "musepack"),
    (0, b"TTA1", "tta"),
    (0, b"DSD ", "dsd"),
    (0, b"FRM8", "dsd"),
    (0, b"#!AMR", "amr"),
    (0, b"caff\0\x01", "caf"),
    (0, b".snd\0\0", "au"),
    (0, b"riff\x2e\x91\xcf\x11", "w64"),
    (0, b"RF64", "wav"),
    (0, b"BW64", "wav"),
    (0, b"RIFX", "wav"),
    (0, b"MThd\0\0\0\x06", "midi"),
    (0, b"AT&TFORM", "djvu"),
    (60, b"BOOKMOBI", "mobi"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (0, b"{\\rtf", "rtf"),
    (0, b"bplist00", "binary-plist"),
    (0, b"\0\x05\x16\x07", "apple-double"),
    (0, b"\0\0\0\x01Bud1", "ds-store"),
    (0, b"MPLS0", "disc-index"),
    (0, b"INDX0", "disc-index"),
    (0, b"HDMV0", "disc-index"),
    (0, b"MOBJ0", "disc-index"),
    (0, b"DVDVIDEO-", "disc-index"),
    (0, b"L\0\0\0\x01\x14\x02\0", "shortcut"),
    (0, b"PK\x05\x06", "zip"),  # without any entry
    (0, b"7z\xbc\xaf\x27\x1c", "seven-zip"),
    (0, b"Rar!\x1a\x07", "rar"),
    (0, b"\x1f\x8b\x08", "gzip"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"\x04\x22\x4d\x18", "lz4"),
    (257, b"ustar", "tar"),
    (0, b"MSCF\0\0\0\0", "cab"),
    (0, b"!<arch>\n", "ar"),
    (0, b"xar!", "xar"),
    (0, b"\xed\xab\xee\xdb", "rpm"),
    (0, b"x\x01s\x0dbb`", "disk-image"),
    (0, b"encrcdsa", "disk-image"),
    (32, b"NXSB", "disk-image"),
    (512, b"EFI PART", "disk-image"),
    (1024, b"H+\0\x04", "disk-image"),
    (0, b"QFI\xfb", "disk-image"),
    (0, b"KDMV", "disk-image"),
    (0, b"conectix", "disk-image"),
    (0, b"vhdxfile", "disk-image"),
    (0, b"\x7fELF", "program"),
    (0, b"\xfe\xed\xfa\xce", "program"),
    (0, b"\xfe\xed\xfa\xcf", "program"),
    (0, b"\xce\xfa\xed\xfe", "program"),
    (0, b"\xcf\xfa\xed\xfe", "program"),
    (0, b"\xca\xfe\xba\xbe", "program"),
    (0, b"\0asm\x01", "program"),
    (0, b"dex\n", "program"),
    (0, b"#!", "script"),
    (0, b"SQLite format 3\0", "sqlite"),
    (4, b"Standard Jet DB", "access"),
    (4, b"Standard ACE DB", "access"),
    (0, b"OTTO", "font"),
    (0, b"ttcf", "font"),
    (0, b"true\0", "font"),
    (0, b"wOFF", "font"),
    (0, b"wOF2", "font"),
)

#: Signatures with variable bytes.
PATTERNS = tuple(
    (re.compile(pattern, re.DOTALL), code)
    for pattern, code in (
        # A directory of entries of 16 bytes; the fourth byte of each is 0.
        (rb"\x00\x00\x01\x00[\x01-\x7f]\x00...\x00.{12}", "ico"),
        (rb"\x00\x00\x02\x00[\x01-\x7f]\x00...\x00.{12}", "cur"),
        (rb"[FCZ]WS[\x01-\x40]", "swf"),
        (rb"BZh[1-9]1AY&SY", "bzip2"),
        (rb"\x0a[\x00-\x05]\x01[\x01\x02\x04\x08]", "pcx"),
        (rb"P[1-7]\s+(#[^\n]*\n\s*)*(\d+\s+\d+|WIDTH)", "netpbm"),
        (rb"P[Ff]\n\d+ \d+\n", "netpbm"),
        (rb"\x00\x01\x00\x00\x00[\x04-\x40]..\x00.", "font"),
        (rb"\x80\x01.{4}%!", "font"),
        (rb"d(8:announce|13:announce-list|7:comment|10:created by|13:creation date|4:info)", "torrent"),
        (rb"MZ.{60}\x00\x00", "program"),
        (rb"\x0b\x77..[\x00-\x93][\x30-\x37\x40-\x47\x80-\x87]", "ac3"),
    )
)

RIFF = {b"WAVE": "wav", b"RMID": "midi", b"ACON": "ani", b"CDXA": "cdxa", b"sfbk": "soundfont"}
IFF = {b"AIFF": "aiff", b"AIFC": "aiff", b"ILBM": "iff", b"PBM ": "iff", b"8SVX": "au"}
OGG = ((b"OpusHead", "opus"), (b"\x7fFLAC", "flac"))
BRANDS = {
    **dict.fromkeys((b"jp2 ", b"jpx ", b"jpm ", b"mjp2"), "jp2"),
    **dict.fromkeys((b"M4A ", b"F4A "), "m4a"),
    **dict.fromkeys((b"M4B ", b"F4B "), "m4b"),
    **dict.fromkeys(HEIF_BRANDS, "heif"),
    b"M4P ": "m4p",
    b"jxl ": "jxl",
}

#: The content of a ZIP file's first entry, named "mimetype" (its beginning).
MIMETYPES = (
    (b"application/epub+zip", "epub"),
    (b"application/vnd.oasis.opendocument.text", "odt"),
    (b"application/vnd.oasis.opendocument.spreadsheet", "ods"),
    (b"application/vnd.oasis.opendocument.presentation", "odp"),
    (b"application/vnd.oasis.opendocument.graphics", "odg"),
    (b"application/x-krita", "krita"),
    (b"image/openraster", "ora"),
)
#: Names of a ZIP file's first entries (prefixes).
ENTRIES = (
    (b"word/", "docx"),
    (b"xl/", "xlsx"),
    (b"ppt/", "pptx"),
    (b"Index/", "iwork"),
    (b"META-INF/MANIFEST.MF", "program"),
    (b"AndroidManifest.xml", "program"),
)


def identify(head: bytes) -> ForeignKind | None:
    """The kind of a file whose head `sniff` does not recognise (its HEAD_BYTES, or all of a shorter file)."""
    code = identify_code(head)
    return KINDS[code] if code else None


def foreign_error(head: bytes) -> ForeignError:
    """The error for a file whose head `sniff` does not recognise."""
    kind = identify(head) or (UNKNOWN if any(head) else BLANK)
    return ForeignError(kind.sentence, kind=kind.code, advice=kind.advice)


def identify_code(head: bytes) -> str | None:
    for start, magic, code in SIGNATURES:
        if head.startswith(magic, start):
            return code
    for pattern, code in PATTERNS:
        if pattern.match(head):
            return code
    return by_container(head) or by_frames(head) or identify_text(head)


def by_container(head: bytes) -> str | None:
    """Container formats, whose content type is stored after the signature."""
    if head.startswith(b"RIFF"):
        return "cdr" if head[8:11] == b"CDR" else RIFF.get(head[8:12])
    if head.startswith(b"FORM"):
        return IFF.get(head[8:12])
    if head.startswith(b"OggS"):
        return next((code for name, code in OGG if name in head), "ogg")
    if head.startswith(b"PK\x03\x04"):
        return by_entries(head)
    if head.startswith((b"%PDF-", b"%!PS")):
        return by_page_language(head)
    return by_brand(head)


def by_brand(head: bytes) -> str | None:
    """ISO media files without video or a supported picture format."""
    for name, content in boxes(head):
        if name == b"ftyp":
            return BRANDS.get(content[:4])
        if name not in OTHER_BOXES:
            break
    return None


def by_page_language(head: bytes) -> str:
    if b"EPSF" in head[:64]:
        return "eps"
    if b"Adobe Illustrator" in head or b"/Illustrator" in head:
        return "ai"
    return "pdf" if head.startswith(b"%PDF-") else "ps"


def by_entries(head: bytes) -> str:
    """A ZIP file by its first entries."""
    names = list(entries(head))
    if names[:1] == [b"mimetype"]:
        return next((code for kind, code in MIMETYPES if head.startswith(kind, 38)), "zip")
    for name in names:
        for beginning, code in ENTRIES:
            if name.startswith(beginning):
                return code
        if name.endswith((b".usdc", b".usda")):
            return "usd"
    return "sketch" if names[:1] == [b"document.json"] else "zip"


def entries(head: bytes) -> Iterator[bytes]:
    """The names in a ZIP file's local headers, as far as `head` goes."""
    at = head.find(b"PK\x03\x04")
    while at >= 0:
        length = int.from_bytes(head[at + 26 : at + 28], "little")
        yield head[at + 30 : at + 30 + length]
        at = head.find(b"PK\x03\x04", at + 30)


def by_frames(head: bytes) -> str | None:
    """MP3 and AAC without tags: a frame, directly followed by another."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    length = adts_length(head) if head[1] & 0xF6 == 0xF0 else mpeg_length(head)
    follows = head[length : length + 2]
    if length < 7 or len(follows) < 2 or follows[0] != 0xFF or (follows[1] ^ head[1]) & 0xFE:
        return None
    return "aac" if head[1] & 0xF6 == 0xF0 else "mp3"


def adts_length(head: bytes) -> int:
    """In bytes. ISO 14496-3, 1.A.2: 13 bits from the fourth byte's last two on."""
    return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5


#: Kilobits a second of MPEG audio (ISO 11172-3 and 13818-3, layers II and III) and its thousands of samples.
KILOBITS = {
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
HERTZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def mpeg_length(head: bytes) -> int:
    """In bytes; 0 if it is not a header of layer II or III."""
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    rate, pitch, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer not in (2, 3) or not 1 <= rate <= 14 or pitch == 3:
        return 0
    kilobits = KILOBITS[version == 3, layer][rate - 1]
    samples = 576 if layer == 3 and version != 3 else 1152
    return samples // 8 * kilobits * 1000 // HERTZ[version][pitch] + padding

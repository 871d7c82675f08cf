"""Files of other programs that smolwatch does not describe."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import plistlib
import random
import sqlite3
import tarfile
import wave
import zipfile
from collections.abc import Callable
from email.message import EmailMessage

import av
from av.audio.stream import AudioStream
from PIL import Image


def zipped(*entries: str, mimetype: str = "") -> bytes:
    """The contents of the entries compress little, like those of real documents."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        if mimetype:
            archive.writestr(zipfile.ZipInfo("mimetype"), mimetype)
        for entry in entries:
            archive.writestr(entry, random.Random(entry).randbytes(300).hex())
    return file.getvalue()


def picture(format: str, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (64, 48), 1).save(file, format)
    return file.getvalue()


def sound(container: str, codec: str, rate: int = 44100, layout: str = "stereo") -> bytes:
    """A second and a half of silence."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, AudioStream)
        for _ in range(64):
            frame = av.AudioFrame(format=stream.format.name, layout=layout, samples=stream.frame_size or 1024)
            frame.sample_rate = rate
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def waved() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((2, 2, 44100, 0, "NONE", ""))
        sound.writeframes(bytes(4000))
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("beach.jpg"))
    return file.getvalue()


def mailed() -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["Message-ID"] = "Beach", "a@example.org", "<1@example.org>"
    message.set_content("See you there.")
    return message.as_bytes()


def database() -> bytes:
    with sqlite3.connect(":memory:") as made:
        made.execute("CREATE TABLE t (x)")
        return made.serialize()


#: The kind of the file (a code of `daemon/media/foreign/foreign_kinds.py`), and how to make its content.
MADE: dict[str, Callable[[], bytes]] = {
    "ico": lambda: picture("ICO"),
    "icns": lambda: picture("ICNS", "RGBA"),
    "jp2": lambda: picture("JPEG2000"),
    "dds": lambda: picture("DDS"),
    "pcx": lambda: picture("PCX"),
    "sgi": lambda: picture("SGI"),
    "netpbm": lambda: picture("PPM"),
    "xbm": lambda: picture("XBM", "1"),
    "pdf": lambda: picture("PDF"),
    "eps": lambda: picture("EPS"),
    "mp3": lambda: sound("mp3", "libmp3lame"),
    "aac": lambda: sound("adts", "aac"),
    "flac": lambda: sound("flac", "flac"),
    "opus": lambda: sound("ogg", "libopus", 48000),
    "m4a": lambda: sound("ipod", "aac"),
    "aiff": lambda: sound("aiff", "pcm_s16be"),
    "au": lambda: sound("au", "pcm_s16be"),
    "caf": lambda: sound("caf", "pcm_s16le"),
    "ac3": lambda: sound("ac3", "ac3", 48000),
    "wavpack": lambda: sound("wv", "wavpack"),
    "w64": lambda: sound("w64", "pcm_s16le"),
    "wav": waved,
    "tar": tarred,
    "email": mailed,
    "sqlite": database,
    "zip": lambda: zipped("holiday/1.jpg", "holiday/2.jpg"),
    "docx": lambda: zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml"),
    "xlsx": lambda: zipped("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"),
    "pptx": lambda: zipped("[Content_Types].xml", "_rels/.rels", "ppt/presentation.xml"),
    "epub": lambda: zipped("META-INF/container.xml", mimetype="application/epub+zip"),
    "odt": lambda: zipped("content.xml", mimetype="application/vnd.oasis.opendocument.text"),
    "krita": lambda: zipped("maindoc.xml", mimetype="application/x-krita"),
    "iwork": lambda: zipped("Index/Document.iwa", "preview.jpg"),
    "sketch": lambda: zipped("document.json", "pages/1.json"),
    "usd": lambda: zipped("model.usdc"),
    "program": lambda: zipped("META-INF/MANIFEST.MF", "Main.class"),
    "gzip": lambda: gzip.compress(b"x"),
    "bzip2": lambda: bz2.compress(b"x"),
    "xz": lambda: lzma.compress(b"x"),
    "binary-plist": lambda: plistlib.dumps({"a": 1}, fmt=plistlib.FMT_BINARY),
    "aae": lambda: plistlib.dumps({"adjustmentData": b"x", "adjustmentFormatIdentifier": "com.apple.photo"}),
    "xml": lambda: plistlib.dumps({"a": 1}),
    "json": lambda: json.dumps({"title": "beach.jpg", "photoTakenTime": {"timestamp": "1"}}, indent=1).encode(),
}

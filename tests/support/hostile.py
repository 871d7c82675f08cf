"""Files that reference something else: a secret file in the same folder, or a network address."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.support.media.media_files import grey_frames, save_video


def hostile_files(folder: Path, secret: Path, address: str) -> list[Path]:
    """All made in `folder`; `address` is "host:port"."""
    host, port = address.split(":")
    url = f"http://{address}/a.mp4"
    texts = {
        "concat.mp4": f"ffconcat version 1.0\nfile {secret.name}\n",
        "concat-far.mp4": f"ffconcat version 1.0\nfile {secret}\nfile {url}\n",
        "list.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        "list-net.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n",
        "session.mp4": f"v=0\no=- 0 0 IN IP4 {host}\ns=x\nc=IN IP4 {host}\nm=video {port} RTP/AVP 96\n",
        "dash.mp4": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{url}</BaseURL></MPD>',
        "art.mp4": "\x1b[31mred\x1b[0m\n" * 20,
        "script.jpg": f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({secret}) (r) file\n",
        "vector.png": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}"/><image href="{secret}"/></svg>',
        "playlist.avi": f"[playlist]\nFile1={url}\n",
        "entity.heic": f'<!DOCTYPE a [<!ENTITY b SYSTEM "file://{secret}">]><a>&b;</a>',
    }
    lists = {"list": texts["list-net.mp4"], "concat": texts["concat-far.mp4"], "playlist": texts["playlist.avi"]}
    texts |= {f"{name}{suffix}": text for suffix in CONTAINERS for name, text in lists.items()}
    files = []
    for name, text in texts.items():
        files.append(folder / name)
        files[-1].write_text(text)
        # The same after the first bytes of a valid file, to pass `sniff`.
        files.append(folder / f"behind-{name}")
        files[-1].write_bytes(HEADS[files[-1].suffix] + text.encode())
    return [*files, with_reference(folder / "reference.mov", str(secret)), with_reference(folder / "remote.mov", url)]


CONTAINERS = {
    ".mkv": b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff",
    ".ts": (b"G\x1f\xff\x10" + bytes(184)) * 25,
    ".mts": (bytes(4) + b"G\x1f\xff\x10" + bytes(184)) * 25,
    ".mpg": b"\0\0\1\xba\x44\0\4\0\4\1\0\0\3\xf8\0\0\1\xe0\0\0",
    ".m2v": b"\0\0\1\xb3\x04\0\x30\x13\xff\xff\xe0\x18",
    ".wmv": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
    ".flv": b"FLV\1\5\0\0\0\x09\0\0\0\0",
    ".ogv": b"OggS\0\2" + bytes(20) + b"\1\x2a\x80theora",
    ".mxf": b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02\x04\x00",
}
HEADS = CONTAINERS | {
    ".mp4": b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
    ".jpg": b"\xff\xd8\xff\xe0",
    ".png": b"\x89PNG\r\n\x1a\n",
    ".avi": b"RIFF\xff\xff\0\0AVI LIST",
    ".heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
}


def with_reference(path: Path, target: str) -> Path:
    """A video whose frames are in another file (QuickTime's data reference)."""
    content = save_video(path, grey_frames(4)).read_bytes()
    own = b"\0\0\0\x0curl \0\0\0\1"
    body = target.encode() + b"\0"
    other = struct.pack(">I", 12 + len(body)) + b"url \0\0\0\0" + body
    grown = bytearray(content.replace(own, other))
    for name in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        at = grown.index(name) - 4
        size = int.from_bytes(grown[at : at + 4], "big") + len(other) - len(own)
        grown[at : at + 4] = size.to_bytes(4, "big")
    path.write_bytes(grown)
    return path

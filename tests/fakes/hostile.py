"""Files that ask whoever opens them to open something else: a secret beside them, or an address."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.shapes.files import grey_frames, save_video


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
    files = []
    for name, text in texts.items():
        files.append(folder / name)
        files[-1].write_text(text)
        # The same behind the first bytes of an honest file, past the sniffing.
        files.append(folder / f"behind-{name}")
        files[-1].write_bytes(HEADS[files[-1].suffix] + text.encode())
    return [*files, with_reference(folder / "reference.mov", str(secret)), with_reference(folder / "remote.mov", url)]


HEADS = {
    ".mp4": b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
    ".jpg": b"\xff\xd8\xff\xe0",
    ".png": b"\x89PNG\r\n\x1a\n",
    ".avi": b"RIFF\xff\xff\0\0AVI LIST",
    ".heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
}


def with_reference(path: Path, target: str) -> Path:
    """A film whose pictures are said to lie in another file (QuickTime's data reference)."""
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

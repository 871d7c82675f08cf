"""What a refusal may not say to a person: a library's words, its bytes, or a path of the installation."""

from __future__ import annotations

import re

JARGON = re.compile(
    r"\\x|\\[nrt]|\\u|0x[0-9a-f]|\bb'|/site-packages|/usr/|\.so\b|\.py\b|errno|\berror code\b|exception|traceback"
    r"|\bbytes? not processed|\(\d+ bytes|\btruncated\b|invalid data found|invalid argument|cannot identify"
    r"|MAX_TEXT_CHUNK|broken data stream|broken PNG|unrecognized data|decoder error|buffer|struct|codec can't|unpack"
    r"|pillow|PIL\b|pyav|ffmpeg|libav|libheif|libtiff|libpng|libwebp|numpy|python|module|permission denied",
    re.IGNORECASE,
)


def is_for_people(message: str) -> bool:
    """One sentence or two, ended by a full stop, with nothing that only a programmer would know."""
    return message.endswith(".") and "\n" not in message and len(message) < 300 and not JARGON.search(message)

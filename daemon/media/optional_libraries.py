"""Libraries of the optional extras; None if not installed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


#: Extra "jxl": importing it registers JPEG XL with Pillow.
pillow_jxl = library("pillow_jxl")
#: Extra "raw": develops camera raw files (LibRaw).
rawpy = library("rawpy")

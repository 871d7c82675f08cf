"""Libraries that are there only where an extra was installed; None where it was not."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


#: Extra "jxl": Pillow opens JPEG XL once it is loaded.
pillow_jxl = library("pillow_jxl")
#: Extra "raw": develops what a camera's sensor saw.
rawpy = library("rawpy")

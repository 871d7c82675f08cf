"""Where each tensor lies in a safetensors file: 8 bytes of length, then JSON with type, shape and offsets.

The format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from config.errors import ModelUnavailableError

_LENGTH_BYTES = 8


@dataclass(frozen=True)
class StoredTensor:
    """Its bytes are those from `start` to `end` of the file. `dtype` as the file names it, such as "BF16"."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def parameters(self) -> int:
        return math.prod(self.shape)


def stored_tensors(file: Path) -> list[StoredTensor]:
    """In the header's order. Raises ModelUnavailableError for a damaged header."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(_LENGTH_BYTES), "little")
            header = json.loads(opened.read(min(length, file.stat().st_size)))
        data = _LENGTH_BYTES + length
        return [
            StoredTensor(
                name,
                facts["dtype"],
                tuple(facts["shape"]),
                data + facts["data_offsets"][0],
                data + facts["data_offsets"][1],
            )
            for name, facts in header.items()
            if name != "__metadata__"
        ]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelUnavailableError(f"{file}: its header is damaged ({error}).") from error

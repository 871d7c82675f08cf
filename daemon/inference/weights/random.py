"""A checkpoint of the 500M model's full size with random weights: speed depends on the shape, not on the values."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

#: The model's real files other than its weights, and its tensors' names and shapes.
FILES = Path(__file__).parents[1] / "smolvlm2_500m"
TENSORS = "tensors.json"
SPREAD = 0.02


def write(folder: Path, seed: int) -> None:
    """Fill `folder` with a loadable checkpoint; model.safetensors appears last, atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(FILES.glob("*.json")):
        if file.name != TENSORS:
            shutil.copyfile(file, folder / file.name)
    shapes = json.loads((FILES / TENSORS).read_text(encoding="utf-8"))["shapes"]
    part = folder / ".sw-model.tmp"
    with part.open("wb") as opened:
        write_tensors(opened, shapes, seed)
    part.replace(folder / "model.safetensors")


def write_tensors(opened: BinaryIO, shapes: Mapping[str, Sequence[int]], seed: int) -> None:
    """Tensors in bf16 in the safetensors format, one after the other, with one at a time in memory.

    Source: the format's own description, safetensors' README: 8 bytes of length, a JSON header, the bytes.
    """
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    opened.write(len(text).to_bytes(8, "little") + text)
    random = np.random.default_rng(seed)
    for name, shape in shapes.items():
        opened.write(random_weights(name, shape, random).tobytes())


def random_weights(name: str, shape: Sequence[int], random: np.random.Generator) -> NDArray[np.uint16]:
    """bf16 as bits: ones for a norm's weights and small numbers elsewhere, so that nothing overflows."""
    values = random.standard_normal(math.prod(shape), np.float32) * np.float32(SPREAD)
    if len(shape) == 1 and name.endswith("weight"):
        values += 1
    return (values.view(np.uint32) >> 16).astype("<u2")

"""Tensors in the header of a safetensors file, against the library that wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from config.errors import ModelUnavailableError
from daemon.inference.weights.safetensors_header import stored_tensors


def test_every_tensor_is_where_the_library_wrote_it(tmp_path: Path) -> None:
    tensors: dict[str, NDArray[Any]] = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones((), np.float16)}
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    content = (tmp_path / "model.safetensors").read_bytes()
    found = {tensor.name: tensor for tensor in stored_tensors(tmp_path / "model.safetensors")}
    assert {name: (tensor.dtype, tensor.shape, tensor.parameters) for name, tensor in found.items()} == {
        "a": ("F32", (2, 3), 6),
        "b": ("F16", (), 1),
    }
    assert {name: content[tensor.start : tensor.end] for name, tensor in found.items()} == {
        name: tensor.tobytes() for name, tensor in tensors.items()
    }


@pytest.mark.parametrize(
    "content", [b"", b"weights", bytes(8), b"\x02" + bytes(7) + b"[]", b"\x0a" + bytes(7) + b'{"a": {}} ']
)
def test_a_damaged_header_is_refused_with_the_files_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelUnavailableError, match=r"model\.safetensors: its header is damaged"):
        stored_tensors(tmp_path / "model.safetensors")

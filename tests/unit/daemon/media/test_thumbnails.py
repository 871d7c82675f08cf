from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from daemon.media.thumbnails import EDGE, thumbnail_of


@pytest.mark.parametrize("size", [(1, 1), (400, 3000), (96, 96)])
def test_a_thumbnail_is_a_small_jpeg_even_of_noise(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    content = thumbnail_of(noise, most_bytes=4096)
    assert len(content) <= 4096
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "JPEG"
        assert max(image.size) <= EDGE

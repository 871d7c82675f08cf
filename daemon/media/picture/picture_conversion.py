"""Converts a stored picture to pixels for the model: shrunk, upright, RGB."""

from __future__ import annotations

import numpy as np
from PIL import Image

from daemon.media.clip import Pixels
from daemon.media.picture.colour_profiles import to_rgb
from daemon.media.picture.orientation import upright_size
from daemon.media.picture.stored_picture import StoredPicture
from daemon.media.sampling import fit_edge


def to_pixels(layer: Image.Image, stored: StoredPicture, edge: int) -> Pixels:
    """No longer than `edge`. `layer`: the stored picture, or a frame of it, as returned by `to_resizable`.

    Shrinks first, so that all later steps work on a small picture.
    """
    if max(layer.size) > edge:
        size = fit_edge(*upright_size(layer.size, stored.transpose), edge)
        layer = layer.resize(upright_size(size, stored.transpose), Image.Resampling.LANCZOS)
    if stored.transpose is not None:
        layer = layer.transpose(stored.transpose)
    return np.asarray(to_rgb(layer, stored.picture.info.get("icc_profile"), stored.coding))

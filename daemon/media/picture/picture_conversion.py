"""A stored picture as the pixels that the model is shown: shrunk, upright, RGB."""

from __future__ import annotations

import numpy as np
from PIL import Image

from daemon.media.clip import Pixels
from daemon.media.picture.colour_profiles import flat
from daemon.media.picture.orientation import shown_size
from daemon.media.picture.stored_picture import StoredPicture
from daemon.media.sampling import fit_edge


def as_pixels(layer: Image.Image, stored: StoredPicture, edge: int) -> Pixels:
    """No longer than `edge`. `layer`: the stored picture, or a frame of it, as `colour.resizable` gives it.

    It is shrunk first, so that all that comes after is small.
    """
    if max(layer.size) > edge:
        size = fit_edge(*shown_size(layer.size, stored.turn), edge)
        layer = layer.resize(shown_size(size, stored.turn), Image.Resampling.LANCZOS)
    if stored.turn is not None:
        layer = layer.transpose(stored.turn)
    return np.asarray(flat(layer, stored.picture.info.get("icc_profile"), stored.coding))

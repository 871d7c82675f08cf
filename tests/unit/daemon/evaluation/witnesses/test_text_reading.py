from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from daemon.evaluation.fresh_process import in_fresh_process
from daemon.evaluation.suites.suite_files import MEDIA
from daemon.evaluation.witnesses.text_reading import read_text

pytest.importorskip("rapidocr", reason="it needs the extra witness")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_it_reads_a_sign_and_no_text_where_there_is_none() -> None:
    pictures = [np.asarray(Image.open(MEDIA / name).convert("RGB")) for name in ("sign.jpg", "red-circle.png")]
    assert in_fresh_process(read_text, pictures) == ("EXIT",)

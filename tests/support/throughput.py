"""How many ordinary pictures a second a checkout takes in and opens, and describes with no model: two in turns.

    python -m tests.support.throughput FOLDER CHECKOUT [CHECKOUT]

FOLDER keeps the pictures from one call to the next. Each checkout is run by its own `.venv`, or by this Python where it
has none, and in turns, so that whatever else the machine does costs both alike. Rates are given by the clock and by the
processor's time, which says more on a machine that is busy.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COUNT = 1000
#: So many differ; the others are copies.
ORIGINALS = 100
ROUNDS = 3
#: Shares of the formats, as camera rolls and download folders hold them.
SUFFIXES = (".jpg",) * 12 + (".png",) * 3 + (".webp",) * 2 + (".heic",) * 2 + (".gif",)

#: Run by each checkout with its own code: how long its intake and its decoder take for each file in a folder.
MEASURE = """
import json, os, resource, sys, time
from daemon.intake.identity import identify
from daemon.media.clip import DecodePlan
from daemon.media.decoder.decoder import Decoder
from storage.records import Fingerprint

if __name__ == "__main__":
    plan = DecodePlan(image_edge=2048, frame_edge=512, frames_per_second=1, max_frames=64, max_bytes=10**9, seconds=60)
    folder = os.fsencode(sys.argv[1])
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    began = time.monotonic()
    for path in paths:
        identify(path, Fingerprint.of(os.lstat(path)), max_bytes=10**9)
    taken = time.monotonic() - began
    decoder = Decoder()
    decoder.sandbox()
    began = time.monotonic()
    for path in paths:
        decoder.open(path, Fingerprint.of(os.lstat(path)), plan)
    opened = time.monotonic() - began
    decoder.close()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    rates = {"intake": taken, "decode": opened, "decode (processor)": used.ru_utime + used.ru_stime}
    print(json.dumps({name: len(paths) / seconds for name, seconds in rates.items()}))
"""
ECHO = {"SMOLWATCH_MODEL__ENGINE": "echo", "SMOLWATCH_INBOX__SETTLE_SECONDS": "0.3"}


def draw_pictures(folder: Path) -> None:
    """Photographs of clouds of one to four megapixels."""
    import numpy as np
    import pillow_heif
    from PIL import Image

    pillow_heif.register_heif_opener()
    folder.mkdir(parents=True, exist_ok=True)
    mix = random.Random("throughput")
    noise = np.random.default_rng(1)
    for number in range(ORIGINALS):
        suffix = SUFFIXES[number % len(SUFFIXES)]
        width = mix.choice((1200, 1600, 2000, 2400))
        few = Image.fromarray(noise.integers(0, 256, (30, 40, 3), dtype=np.uint8))
        picture = few.resize((width, width * 3 // 4), Image.Resampling.BICUBIC)
        if suffix == ".gif":
            picture = picture.resize((640, 480)).quantize(128)
        first = folder / f"{number:04}{suffix}"
        picture.save(first)
        for copy in range(number + ORIGINALS, COUNT, ORIGINALS):
            shutil.copyfile(first, folder / f"{copy:04}{suffix}")


def run(checkout: Path, *arguments: str, environ: dict[str, str] | None = None) -> str:
    """What a program of that checkout says."""
    own = checkout / ".venv" / "bin" / "python"
    python = own if own.exists() else sys.executable
    environment = os.environ | {"PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"} | (environ or {})
    done = subprocess.run([python, *arguments], cwd=checkout, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def measure(checkout: Path, pictures: Path) -> dict[str, float]:
    """Files a second: identified, opened, and through the whole daemon with an engine that takes no time."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "measure.py"
        script.write_text(MEASURE)
        found: dict[str, float] = json.loads(run(checkout, str(script), str(pictures)))
        home = Path(folder) / "home"
        shutil.copytree(pictures, home / "inbox")
        began, used = time.monotonic(), processor_seconds()
        run(checkout, "-m", "cli.main", "--home", str(home), "run", "--once", environ=ECHO)
        count = len(list(pictures.iterdir()))
        found["whole daemon"] = count / (time.monotonic() - began)
        found["whole daemon (processor)"] = count / (processor_seconds() - used)
    return found


def processor_seconds() -> float:
    """Of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    if len(sys.argv) not in (3, 4):
        raise SystemExit(__doc__)
    pictures, *checkouts = (Path(argument).resolve() for argument in sys.argv[1:])
    if not pictures.is_dir():
        draw_pictures(pictures)
    found: list[list[dict[str, float]]] = [[] for _ in checkouts]
    for _ in range(ROUNDS):
        for checkout, rounds in zip(checkouts, found, strict=True):
            rounds.append(measure(checkout, pictures))
            rates = ", ".join(f"{name} {rate:.1f} files/s" for name, rate in rounds[-1].items())
            print(f"{checkout.name}: {rates}", flush=True)
    for name in found[0][0]:
        medians = [statistics.median(each[name] for each in rounds) for rounds in found]
        rates = ", ".join(f"{path.name} {rate:.1f}" for path, rate in zip(checkouts, medians, strict=True))
        ratio = f"; {medians[1] / medians[0]:.3f} times as many" if len(medians) == 2 else ""
        print(f"{name}, median of {ROUNDS} in files/s: {rates}{ratio}")


if __name__ == "__main__":
    main()

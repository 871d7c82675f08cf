"""Draw the dozen samples of `smolwatch demo`: `python -m tests.support.demo_world.samples` writes their folder anew.

Their names give nothing away, and hold what names in the wild hold: spaces, umlauts, emoji.
"""

from __future__ import annotations

import json
import random

from tests.support.checkout import ROOT
from tests.support.demo_world.drawing import draw, film_frames
from tests.support.demo_world.gallery import FRAMES_A_SECOND
from tests.support.demo_world.world import Film, Picture
from tests.support.media.media_files import save_image, save_video

FOLDER = ROOT / "daemon" / "inference" / "demo_model" / "samples"
SEED = 13
#: Long enough that the frames which the model sees, one a second, hold what happens.
SECONDS = 6

SCENES: dict[str, Picture | Film] = {
    "sample 01.jpg": Picture(colour="red", background="white", shape="circle", size="large", count=1),
    "Urlaub-ü 02.heic": Picture(
        colour="blue", background="gray", shape="square", size="small", column=0, row=0, count=1
    ),
    "sample 03.png": Picture(colour="green", background="black", shape="triangle", count=3),
    "sample 🙂 04.webp": Picture(
        colour="yellow", background="black", shape="star", size="large", column=2, row=2, count=1
    ),
    "sample 05.gif": Picture(colour="orange", background="black", word="SHIP"),
    "sample 06.jpeg": Picture(
        colour="purple", background="white", shape="star", size="small", column=2, row=1, count=1
    ),
    "sample 07.png": Picture(
        colour="orange", background="gray", shape="triangle", size="large", column=1, row=2, count=1
    ),
    "clip 08.mp4": Film(shape="circle", colour="blue", background="white", motion="moves to the right"),
    "clip 09.mov": Film(shape="square", colour="red", background="black", motion="turns", second_colour="yellow"),
    "clip 10.webm": Film(shape="star", colour="green", background="gray", motion="appears"),
    "clip 11.mp4": Film(shape="triangle", colour="purple", background="white", motion="stays still"),
    "clip 12.mov": Film(shape="circle", colour="yellow", background="black", motion="disappears"),
}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, scene in SCENES.items():
        rng = random.Random(f"{SEED} {name}")
        if isinstance(scene, Picture):
            save_image(FOLDER / name, draw(scene, rng))
        else:
            frames = film_frames(scene, rng, SECONDS * FRAMES_A_SECOND)
            save_video(FOLDER / name, frames, fps=FRAMES_A_SECOND)
    captions = {name: scene.caption for name, scene in SCENES.items()}
    text = json.dumps(captions, indent=2, ensure_ascii=False) + "\n"
    (FOLDER / "captions.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Draw the media of the shipped suites: `python -m tests.support.evaluation_media` writes their folder anew.

Everything is drawn, so that the truth is known: shapes of the demo model's world, pages with text, diagrams, clips.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from tests.support.checkout import ROOT
from tests.support.demo_world.drawing import draw, film_frames
from tests.support.demo_world.world import Film, Picture
from tests.support.media.media_files import save_image, save_video

FOLDER = ROOT / "daemon" / "evaluation" / "suites" / "media"
SEED = 41
RATE = 8
SECONDS = 8
WHITE, INK = (248, 248, 248), (20, 20, 20)


def one(
    colour: str, shape: str, background: str = "white", size: str = "large", column: int = 1, row: int = 1
) -> Picture:
    return Picture(colour=colour, shape=shape, background=background, size=size, column=column, row=row, count=1)


def several(count: int, colour: str, shape: str, background: str = "white") -> Picture:
    return Picture(colour=colour, shape=shape, background=background, count=count)


def film(shape: str, colour: str, motion: str, background: str = "white", second: str = "") -> Film:
    return Film(shape=shape, colour=colour, background=background, motion=motion, second_colour=second)


PICTURES = {
    "red-circle.jpg": one("red", "circle"),
    "red-circle.png": one("red", "circle"),
    "red-circle.webp": one("red", "circle"),
    "red-circle.heic": one("red", "circle"),
    "blue-square.png": one("blue", "square", "gray", "small", 0, 0),
    "green-triangles.png": several(3, "green", "triangle", "black"),
    "yellow-star.png": one("yellow", "star", "black", "large", 2, 2),
    "purple-star.jpg": one("purple", "star", "white", "small", 2, 1),
    "orange-triangle.png": one("orange", "triangle", "gray", "large", 1, 2),
    "two-squares.png": several(2, "blue", "square"),
    "four-stars.png": several(4, "red", "star"),
    "green-circle.png": one("green", "circle"),
    "blue-circle.png": one("blue", "circle"),
    "red-square.png": one("red", "square"),
    "word-sun.png": Picture(colour="blue", background="white", word="SUN"),
    "word-key.jpg": Picture(colour="orange", background="black", word="KEY"),
}
#: The red circle at other sizes and shapes of the canvas.
SIZES = {"small.png": (64, 64), "medium.jpg": (640, 480), "large.jpg": (2400, 1800), "portrait.jpg": (600, 1400)}
FILMS = {
    "circle-right.mp4": film("circle", "blue", "moves to the right"),
    "square-turns.mov": film("square", "red", "turns", "black", "yellow"),
    "star-appears.webm": film("star", "green", "appears", "gray"),
    "triangle-still.mp4": film("triangle", "purple", "stays still"),
    "circle-disappears.mp4": film("circle", "yellow", "disappears", "black"),
}


def page(lines: list[str], size: tuple[int, int] = (800, 520), points: int = 40) -> Image.Image:
    """A page of printed text."""
    canvas = Image.new("RGB", size, WHITE)
    font = ImageFont.load_default(size=points)
    for number, line in enumerate(lines):
        ImageDraw.Draw(canvas).text((50, 40 + number * points * 1.6), line, fill=INK, font=font)
    return canvas


def box(pen: ImageDraw.ImageDraw, at: tuple[int, int, int, int], text: str) -> None:
    pen.rectangle(at, outline=INK, width=4)
    centre = ((at[0] + at[2]) / 2, (at[1] + at[3]) / 2)
    pen.text(centre, text, fill=INK, font=ImageFont.load_default(size=30), anchor="mm")


def diagram() -> Image.Image:
    """Three boxes with arrows: the water cycle."""
    canvas = Image.new("RGB", (900, 300), WHITE)
    pen = ImageDraw.Draw(canvas)
    for left, text in ((30, "Sea"), (340, "Cloud"), (650, "Rain")):
        box(pen, (left, 100, left + 200, 200), text)
    for left in (230, 540):
        pen.line((left + 10, 150, left + 95, 150), fill=INK, width=4)
        pen.polygon([(left + 95, 140), (left + 108, 150), (left + 95, 160)], fill=INK)
    return canvas


def figure() -> Image.Image:
    """A textbook's right-angled triangle with its sides."""
    canvas = Image.new("RGB", (700, 520), WHITE)
    pen = ImageDraw.Draw(canvas)
    pen.polygon([(120, 420), (520, 420), (120, 120)], outline=INK, width=5)
    font = ImageFont.load_default(size=40)
    for at, text in (((320, 460), "4 cm"), ((60, 270), "3 cm"), ((370, 240), "5 cm")):
        pen.text(at, text, fill=INK, font=font, anchor="mm")
    return canvas


def lecture() -> list[Image.Image]:
    """Two slides, four seconds each."""
    slides = [page(["Lesson 1", "Plants need light"], points=56), page(["Lesson 2", "Plants need water"], points=56)]
    return [slide.resize((400, 260)) for slide in slides for _ in range(SECONDS * RATE // 2)]


PAGES: dict[str, Callable[[], Image.Image]] = {
    "letter.png": lambda: page(["Dear Anna,", "the train leaves at 9:40", "from platform 3.", "See you on Monday."]),
    "receipt.png": lambda: page(["BAKERY", "Bread      3.20", "Coffee    2.50", "Total      5.70"]),
    "equation.png": lambda: page(["3 x + 4 = 19"], (700, 200), 72),
    "sum.png": lambda: page(["12 + 7 ="], (500, 200), 72),
    "water-cycle.png": diagram,
    "triangle-figure.png": figure,
    "sign.jpg": lambda: page(["EXIT"], (400, 220), 110),
}


def drawn(picture: Picture, name: str, size: tuple[int, int] | None = (320, 240)) -> Image.Image:
    return draw(picture, random.Random(f"{SEED} {name.partition('.')[0]}"), size)


def write_pictures(folder: Path) -> None:
    for name, picture in PICTURES.items():
        save_image(folder / name, drawn(picture, name))
    circle = PICTURES["red-circle.png"]
    for name, size in SIZES.items():
        save_image(folder / f"circle-{name}", drawn(circle, "red-circle", size))
    for name, make in PAGES.items():
        save_image(folder / name, make())


def write_edges(folder: Path) -> None:
    circle = drawn(PICTURES["red-circle.png"], "red-circle")
    save_image(folder / "blurred.jpg", circle.filter(ImageFilter.GaussianBlur(5)))
    save_image(folder / "low-quality.jpg", circle, quality=3)
    save_image(folder / "tiny.png", circle.resize((8, 6)))
    save_image(folder / "one-pixel.png", Image.new("RGB", (1, 1), (214, 38, 38)))
    save_image(folder / "ribbon.png", circle.resize((2000, 40)))
    save_image(folder / "tower.png", circle.resize((40, 2000)))
    Image.new("1", (8000, 6000), 1).save(folder / "huge.png", optimize=True)
    whole = (folder / "red-circle.jpg").read_bytes()
    (folder / "cut-off.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "garbage.jpg").write_bytes(whole[:20] + random.Random(SEED).randbytes(4000))
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("This is no picture.\n", encoding="utf-8")
    clip = (folder / "circle-right.mp4").read_bytes()
    (folder / "cut-off.mp4").write_bytes(clip[: len(clip) // 3])


def write_films(folder: Path) -> None:
    for name, scene in FILMS.items():
        frames = film_frames(scene, random.Random(f"{SEED} {name}"), SECONDS * RATE, (320, 240))
        save_video(folder / name, frames, fps=RATE)
    save_video(folder / "lecture.mp4", lecture(), fps=RATE)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_pictures(FOLDER)
    write_films(FOLDER)
    write_edges(FOLDER)


if __name__ == "__main__":
    main()

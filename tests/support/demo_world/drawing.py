"""Scenes of `world` as Pillow pictures. Every choice that the words leave open comes from the given generator."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from tests.support.demo_world.world import COLOURS, GROUNDS, MOVES, Film, Picture

CANVASES = ((256, 192), (192, 256), (224, 224), (320, 240), (320, 180))
#: Centres of the three columns (or rows), as a share of the canvas.
CELLS = (0.2, 0.5, 0.8)
RADII = {"small": (0.075, 0.095), "medium": (0.12, 0.14), "large": (0.17, 0.2), "huge": (0.25, 0.28)}

Colour = tuple[int, ...]


@dataclass(frozen=True)
class Spot:
    """One shape on the canvas: centre as shares of width and height, radius as a share of the short side."""

    x: float
    y: float
    radius: float
    turn: float


def near(rng: random.Random, colour: Colour, spread: int = 12) -> Colour:
    return tuple(min(255, max(0, c + rng.randint(-spread, spread))) for c in colour)


def outline(shape: str, turn: float) -> list[tuple[float, float]]:
    """Corners of a shape of radius one, `turn` radians off upright."""
    if shape == "star":
        rim = [(1.1 if k % 2 == 0 else 0.45, math.pi * k / 5) for k in range(10)]
    elif shape == "triangle":
        rim = [(1.15, 2 * math.pi * k / 3) for k in range(3)]
    else:
        rim = [(1.2, math.pi * (2 * k + 1) / 4) for k in range(4)]
    return [(r * math.sin(a + turn), -r * math.cos(a + turn)) for r, a in rim]


def put(canvas: Image.Image, shape: str, spot: Spot, colour: Colour) -> None:
    pen = ImageDraw.Draw(canvas)
    width, height = canvas.size
    x, y, r = spot.x * width, spot.y * height, spot.radius * min(width, height)
    if shape == "circle":
        pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    else:
        pen.polygon([(x + r * dx, y + r * dy) for dx, dy in outline(shape, spot.turn)], fill=colour)


def spot(rng: random.Random, column: int, row: int, size: tuple[float, float], jitter: float = 0.045) -> Spot:
    return Spot(
        x=CELLS[column] + rng.uniform(-jitter, jitter),
        y=CELLS[row] + rng.uniform(-jitter, jitter),
        radius=rng.uniform(*size),
        turn=rng.uniform(-0.2, 0.2),
    )


def put_word(canvas: Image.Image, word: str, colour: Colour, rng: random.Random) -> None:
    width, height = canvas.size
    share = rng.uniform(0.68, 0.84)
    font = ImageFont.load_default(size=100)
    box = font.getbbox(word, stroke_width=3)
    points = min(100 * share * width / (box[2] - box[0]), 0.6 * height)
    font = ImageFont.load_default(size=points)
    stroke = max(1, round(points * 0.03))
    at = (width * (0.5 + rng.uniform(-0.05, 0.05)), height * (0.5 + rng.uniform(-0.12, 0.12)))
    ImageDraw.Draw(canvas).text(at, word, fill=colour, font=font, anchor="mm", stroke_width=stroke, stroke_fill=colour)


def draw(picture: Picture, rng: random.Random, size: tuple[int, int] | None = None) -> Image.Image:
    """A picture of the scene, RGB, on one of CANVASES unless `size` (width, height) is given."""
    canvas = Image.new("RGB", size or rng.choice(CANVASES), near(rng, GROUNDS[picture.background]))
    if picture.is_plain:
        return canvas
    colour = near(rng, COLOURS[picture.colour])
    if picture.word:
        put_word(canvas, picture.word, colour, rng)
    elif picture.count == 1:
        put(canvas, picture.shape, spot(rng, picture.column, picture.row, RADII[picture.size]), colour)
    else:
        for cell in rng.sample(range(9), picture.count):
            put(canvas, picture.shape, spot(rng, cell % 3, cell // 3, (0.1, 0.12)), colour)
    return canvas


def path_of(motion: str, rng: random.Random) -> tuple[Spot, Spot]:
    """Where a shape stands at the beginning and at the end of this motion."""
    near_edge, far_edge = rng.uniform(0.18, 0.26), rng.uniform(0.74, 0.82)
    lane, radius, turn = rng.uniform(0.3, 0.7), rng.uniform(0.13, 0.17), rng.uniform(-0.2, 0.2)
    ends = {
        "moves to the right": ((near_edge, lane), (far_edge, lane)),
        "moves to the left": ((far_edge, lane), (near_edge, lane)),
        "moves down": ((lane, near_edge), (lane, far_edge)),
        "moves up": ((lane, far_edge), (lane, near_edge)),
    }
    here = (rng.uniform(0.25, 0.75), rng.uniform(0.25, 0.75))
    (x0, y0), (x1, y1) = ends.get(motion, (here, here))
    return Spot(x0, y0, radius, turn), Spot(x1, y1, radius, turn)


@dataclass(frozen=True)
class Schedule:
    """When a film's shape moves, and when it changes, as shares of the film's time."""

    start: float
    stop: float
    change: float

    def way(self, t: float) -> float:
        """The share of its way that the shape has made."""
        return min(1.0, max(0.0, (t - self.start) / (self.stop - self.start)))


def schedule(film: Film, turning_point: float) -> Schedule:
    """A film of one event moves all the time. Of two events, each has its side of the turning point."""
    if not film.then:
        return Schedule(0, 1, turning_point)
    if film.motion in MOVES:
        return Schedule(0, turning_point, (1 + turning_point) / 2)
    return Schedule(turning_point, 1, turning_point / 2)


def film_frames(film: Film, rng: random.Random, count: int, size: tuple[int, int] | None = None) -> list[Image.Image]:
    """`count` frames, evenly spaced from the film's first moment to its last, all of one size."""
    size = size or rng.choice(CANVASES)
    ground = near(rng, GROUNDS[film.background])
    if not film.shape:
        return [Image.new("RGB", size, ground) for _ in range(count)]
    colour = near(rng, COLOURS[film.colour])
    second = near(rng, COLOURS[film.second_colour or film.colour])
    motions = (film.motion, film.then)
    start, end = path_of(film.then if film.then in MOVES else film.motion, rng)
    plan = schedule(film, rng.uniform(0.35, 0.65))
    frames = []
    for k in range(count):
        t = k / max(1, count - 1)
        canvas = Image.new("RGB", size, ground)
        late, way = t > plan.change, plan.way(t)
        if not ("appears" in motions and not late) and not ("disappears" in motions and late):
            at = Spot(start.x + way * (end.x - start.x), start.y + way * (end.y - start.y), start.radius, start.turn)
            put(canvas, film.shape, at, second if "turns" in motions and late else colour)
        frames.append(canvas)
    return frames

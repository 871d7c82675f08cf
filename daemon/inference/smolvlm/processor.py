"""Pictures and a question -> pixels and token ids, equal to the stock SmolVLM2 processor; no torch, no transformers.

Rules: transformers' `image_processing_pil_smolvlm` and `video_processing_smolvlm`, with frames at the checkpoint's
own `video_sampling.video_size`. The golden cases test the equality.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from config.groups import Detail
from daemon.inference.smolvlm.checkpoint import ModelSpec, read_spec, unusable_checkpoint
from daemon.inference.smolvlm.prompts import (
    END,
    FAKE,
    GLOBAL,
    IMAGE,
    START,
    Tiling,
    chat,
    image_block,
    place_pictures,
    video_block,
)
from daemon.media.clip import Pixels
from daemon.media.sampling import fit_edge, resize

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TileRule:
    """The longest edge in pixels that a picture is resized to, and whether it is then cut into tiles.

    Without `enlarge`, a picture is made no larger than its own longest edge rounded up to a whole tile.
    """

    longest_edge: int
    split: bool = True
    enlarge: bool = True


@dataclass(frozen=True)
class ImagePrompt:
    """Pictures as uint8 `tiles`, (tile, tile, 3) each; `blocks` are their texts in the prompt. A video has one."""

    tiles: tuple[Pixels, ...]
    tilings: tuple[Tiling, ...]
    blocks: tuple[str, ...]
    is_video: bool


@dataclass(frozen=True)
class Prepared:
    """One prompt: token ids, and pixels (tiles, 3, tile, tile)."""

    prompt_ids: list[int]
    pixels: Floats


def rule_for(detail: Detail, spec: ModelSpec) -> TileRule:
    """fast: one tile; balanced: two tiles an edge, never enlarged for it; full: the stock rule."""
    if detail == "full":
        return TileRule(spec.stock_edge)
    if detail == "balanced":
        return TileRule(min(2 * spec.tile, spec.stock_edge), enlarge=False)
    return TileRule(spec.tile, split=False)


class Processor:
    """One checkpoint's processor at one tile rule.

    Pictures and frames can be shrunk to `image_edge` and `frame_edge` pixels beforehand: the result is the same.
    """

    def __init__(self, spec: ModelSpec, tokenizer: Tokenizer, rule: TileRule) -> None:
        self.rule = rule
        self.spec = spec
        self.tile = spec.tile
        self.tokens_per_tile = spec.tokens_per_tile
        self.image_edge = rule.longest_edge
        self.frame_edge = spec.frame_edge
        self.frames_per_second = spec.frames_per_second
        self.max_frames = spec.max_frames
        self.context = spec.context
        self.image_id = spec.image_id
        self.end_id = tokenizer.token_to_id(END.strip())
        self._tokenizer = tokenizer

    @classmethod
    def from_folder(cls, folder: Path, *, detail: Detail) -> Processor:
        """Read from a checkpoint's folder; raises ModelUnavailableError with the bad file's name."""
        spec = read_spec(folder)
        return cls(spec, read_tokenizer(folder, spec), rule_for(detail, spec))

    def at(self, detail: Detail) -> Processor:
        """The same checkpoint's processor at another detail."""
        return Processor(self.spec, self._tokenizer, rule_for(detail, self.spec))

    def image_prompt(
        self, pictures: Sequence[Pixels], *, timestamps: Sequence[float] = (), seconds: float | None = None
    ) -> ImagePrompt:
        """Split pictures into tiles; those of a video (`seconds` long) are its frames, one tile each."""
        if seconds is not None:
            frames = tuple(self._frame(picture) for picture in pictures)
            block = video_block(timestamps, seconds, self.tokens_per_tile)
            return ImagePrompt(frames, (Tiling(0, 0),) * len(frames), (block,), True)
        cut = [self._cut(picture) for picture in pictures]
        tilings = tuple(tiling for _, tiling in cut)
        blocks = tuple(image_block(tiling, self.tokens_per_tile) for tiling in tilings)
        return ImagePrompt(tuple(tile for tiles, _ in cut for tile in tiles), tilings, blocks, False)

    def normalize(self, tiles: Sequence[Pixels]) -> Floats:
        """uint8 (tile, tile, 3) each -> float32 (tiles, 3, tile, tile), with the checkpoint's mean and deviation."""
        mean, std = (np.array(values, np.float32)[:, None, None] for values in (self.spec.mean, self.spec.std))
        pixels = np.empty((len(tiles), 3, self.tile, self.tile), np.float32)
        for target, tile in zip(pixels, tiles, strict=True):
            np.multiply(tile.transpose(2, 0, 1), np.float32(self.spec.rescale), out=target)
            target -= mean
            target /= std
        return pixels

    def prompt_ids(self, prompt: ImagePrompt, question: str, *, system: str | None = None) -> list[int]:
        """The token ids of a question about these pictures; `<image>` in it marks the place of each picture.

        Raises PromptError for another number of marks than of pictures.
        """
        begins_with_picture = question.startswith(IMAGE) or (bool(prompt.blocks) and IMAGE not in question)
        content = place_pictures(question, prompt.blocks)
        return self.encode(chat(content, picture_first=begins_with_picture and not prompt.is_video, system=system))

    def prepare(
        self,
        pictures: Sequence[Pixels],
        question: str,
        *,
        timestamps: Sequence[float] = (),
        seconds: float | None = None,
        system: str | None = None,
    ) -> Prepared:
        """`image_prompt`, `normalize` and `prompt_ids` in one."""
        prompt = self.image_prompt(pictures, timestamps=timestamps, seconds=seconds)
        return Prepared(self.prompt_ids(prompt, question, system=system), self.normalize(prompt.tiles))

    def encode(self, text: str) -> list[int]:
        """Token ids of a complete prompt; no special tokens are added."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """The model's text, without special tokens, leaked ones included."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=True).strip()

    def _frame(self, picture: Pixels) -> Pixels:
        """A video's frame: its longest edge fitted, then squashed to one square tile, as in the model's training."""
        fitted = resize(picture, fit_edge(picture.shape[1], picture.shape[0], self.frame_edge))
        return resize(fitted, (self.tile, self.tile))

    def _cut(self, picture: Pixels) -> tuple[list[Pixels], Tiling]:
        """A picture's tiles row by row; the last one is the whole picture."""
        height, width = picture.shape[:2]
        picture = resize(picture, fit_edge(width, height, self._edge(width, height)))
        if self.rule.split:
            picture = resize(picture, whole_tiles(picture.shape[1], picture.shape[0], self.tile))
        whole = resize(picture, (self.tile, self.tile))
        height, width = picture.shape[:2]
        if not self.rule.split or max(height, width) <= self.tile:
            return [whole], Tiling(0, 0)
        tiling = Tiling(height // self.tile, width // self.tile)
        grid = picture.reshape(tiling.rows, self.tile, tiling.columns, self.tile, 3).swapaxes(1, 2)
        return [*grid.reshape(-1, self.tile, self.tile, 3), whole], tiling

    def _edge(self, width: int, height: int) -> int:
        """The longest edge that this picture is resized to."""
        if self.rule.enlarge:
            return self.rule.longest_edge
        return min(self.rule.longest_edge, round_up(max(width, height), self.tile))


def round_up(length: int, tile: int) -> int:
    return math.ceil(length / tile) * tile


def whole_tiles(width: int, height: int, tile: int) -> tuple[int, int]:
    """The size (width, height) in whole tiles: the longer edge rounded up first, the other in proportion to it."""
    ratio = width / height
    if width >= height:
        wide = round_up(width, tile)
        return wide, round_up(int(wide / ratio), tile)
    high = round_up(height, tile)
    return round_up(int(high * ratio), tile), high


def read_tokenizer(folder: Path, spec: ModelSpec) -> Tokenizer:
    """The folder's tokenizer, checked to have every marker of the prompts as one token."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise unusable_checkpoint(file, "is missing")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exception
        raise unusable_checkpoint(file, f"is not a tokenizer ({error})") from error
    for marker in (START, END.strip(), FAKE, GLOBAL, IMAGE, "<row_1_col_1>"):
        if tokenizer.token_to_id(marker) is None:
            raise unusable_checkpoint(file, f"has no token {marker}")
    if tokenizer.token_to_id(IMAGE) != spec.image_id:
        raise unusable_checkpoint(file, f"gives {IMAGE} another id than config.json ({spec.image_id})")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer

"""SmolVLM2's prompt as text: chat template, image blocks and the video's frame list.

Pure. Rules and examples: transformers' `processing_smolvlm` and the checkpoint's chat template;
the golden cases test the equality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from num2words import num2words

from daemon.errors import PromptError

FAKE = "<fake_token_around_image>"
GLOBAL = "<global-img>"
IMAGE = "<image>"
START = "<|im_start|>"
END = "<end_of_utterance>\n"


@dataclass(frozen=True)
class Tiling:
    """How a picture is split: a grid of rows x columns and a global view; 0 x 0 is the global view alone."""

    rows: int
    columns: int

    @property
    def tiles(self) -> int:
        return self.rows * self.columns + 1


def image_block(tiling: Tiling, tokens_per_tile: int) -> str:
    """One picture in the prompt: every tile's position and its `<image>` tokens."""
    image = IMAGE * tokens_per_tile
    block = ""
    for row in range(1, tiling.rows + 1):
        cells = (f"{FAKE}<row_{row}_col_{column}>{image}" for column in range(1, tiling.columns + 1))
        block += "".join(cells) + "\n"
    lead = "\n" if tiling.rows else ""
    return f"{block}{lead}{FAKE}{GLOBAL}{image}{FAKE}"


def clock_text(seconds: float) -> str:
    """MM:SS; minutes go past 59, as in the model's training."""
    whole = int(seconds)
    return f"{whole // 60:02d}:{whole % 60:02d}"


def video_block(timestamps: Sequence[float], duration: float, tokens_per_tile: int) -> str:
    """One video in the prompt: an introduction, then each frame after its time."""
    length = str(timedelta(seconds=int(duration)))
    block = (
        f"You are provided the following series of {num2words(len(timestamps))} frames "
        f"from a {length} [H:MM:SS] video.\n"
    )
    frame = f"{FAKE}{GLOBAL}{IMAGE * tokens_per_tile}{FAKE}"
    for seconds in timestamps:
        block += f"\nFrame from {clock_text(seconds)}:{frame}"
    return block + "\n\n"


def place_pictures(question: str, blocks: Sequence[str]) -> str:
    """The pictures' blocks at the question's `<image>` marks; before the question if it has no marks.

    A video is one block. Raises PromptError unless there are as many marks as blocks.
    """
    if IMAGE not in question:
        return "".join(blocks) + question
    first, *texts = question.split(IMAGE)
    if len(texts) != len(blocks):
        raise PromptError(
            f"The question's number of {IMAGE} marks is {len(texts)}, its number of pictures {len(blocks)}.",
            advice=f"Mark each picture's place with one {IMAGE}, or none.",
        )
    return first + "".join(block + text for block, text in zip(blocks, texts, strict=True))


def chat(content: str, *, picture_first: bool, system: str | None = None) -> str:
    """A prompt with one user message. A message that begins with a picture has no space after "User:"."""
    opening = f"System: {system}{END}" if system else ""
    return f"{START}{opening}User:{'' if picture_first else ' '}{content}{END}Assistant:"

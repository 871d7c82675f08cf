"""Makes tests/data/golden_prompts.json by transformers: several pictures, pictures among text, and text alone.

Run it as a program after an upgrade of transformers that is meant to change prompts:
`.venv/bin/python -m tests.support.golden_prompts`.
"""

from __future__ import annotations

import json
from functools import cache
from itertools import count, groupby
from types import SimpleNamespace
from typing import Any

from PIL import Image
from transformers import AutoTokenizer
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil
from transformers.models.smolvlm.processing_smolvlm import SmolVLMProcessor

from tests.support.checkout import ROOT
from tests.support.golden import REAL_FILES, gradient

FILE = ROOT / "tests" / "data" / "golden_prompts.json"
WHOLE: dict[str, Any] = {"do_image_splitting": False}
BALANCED: dict[str, Any] = {"size": {"longest_edge": 1024}}
STOCK: dict[str, Any] = {}
SYSTEM = "Focus only on the key action.\n\nSkip context — s'il te plaît 🐶."

#: A message's parts in order: a picture as (width, height), or a text.
Content = tuple[str | tuple[int, int], ...]
CASES: tuple[tuple[Content, dict[str, Any], str | None], ...] = (
    (((640, 480), (300, 800), "What is different?"), STOCK, None),
    (((640, 480), (300, 800), "What is different?"), BALANCED, SYSTEM),
    (((640, 480), (640, 480), (100, 100), "Which picture has more shapes?"), BALANCED, None),
    (((1920, 1080), (50, 50), (513, 512), (480, 640), "In which order does the shape grow?"), WHOLE, None),
    (((1920, 1080), (50, 50), (513, 512), (480, 640), "Compare them:\n1. colours\n2. sizes"), WHOLE, SYSTEM),
    (("First: ", (640, 480), "\nSecond: ", (300, 800), "\nWhat is different?"), BALANCED, None),
    (("First: ", (640, 480), "\nSecond: ", (300, 800), "\nWhat is different?"), WHOLE, SYSTEM),
    (((640, 480), " is before, ", (480, 640), " is after. What happened?"), WHOLE, None),
    (((640, 480), " is before, ", (480, 640), (100, 100), " are after. What happened?"), WHOLE, SYSTEM),
    (("Look at this. ", (640, 480), (480, 640), (50, 50), (4000, 300)), WHOLE, None),
    (("What is in ", (4000, 300), "?"), STOCK, None),
    (("  Two spaces, then ", (640, 480), " and a line.\n"), WHOLE, None),
    (((640, 480), "\nA line first."), WHOLE, None),
    (((640, 480), " "), WHOLE, None),
    (("What are the primary colours?",), STOCK, None),
    (("What is 17 + 4?",), STOCK, SYSTEM),
    (("Décris l'image — s'il te plaît, en détail 🐶.\n\n- « oui »\n- 日本語",), STOCK, None),
)


class StockProcessor(SmolVLMProcessor):
    """The stock processor without the one for videos, which needs torchvision."""

    def check_argument_for_proper_class(self, argument_name: str, argument: object) -> type:
        return type(argument)


@cache
def stock_processor() -> Any:
    tokenizer: Any = AutoTokenizer.from_pretrained(REAL_FILES, local_files_only=True)
    pictures: Any = SmolVLMImageProcessorPil.from_pretrained(REAL_FILES, local_files_only=True)
    template = json.loads((REAL_FILES / "chat_template.json").read_text(encoding="utf-8"))["chat_template"]
    tokens = json.loads((REAL_FILES / "processor_config.json").read_text(encoding="utf-8"))["image_seq_len"]
    no_videos: Any = SimpleNamespace(num_frames=64, fps=1, model_input_names=[])
    make: Any = StockProcessor
    return make(pictures, tokenizer, no_videos, image_seq_len=tokens, chat_template=template)


def made(content: Content, settings: dict[str, Any], system: str | None, seed: int) -> dict[str, Any]:
    """What the stock processor makes of one case; picture k is `gradient(width, height, seed + k)`."""
    numbers = count(seed)
    parts = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image", "image": Image.fromarray(gradient(*part, next(numbers)))}
        for part in content
    ]
    opening = [{"role": "system", "content": [{"type": "text", "text": system}]}] if system else []
    batch = stock_processor().apply_chat_template(
        [*opening, {"role": "user", "content": parts}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="np",
        processor_kwargs=dict(settings),
    )
    pixels = batch["pixel_values"][0] if "pixel_values" in batch else []
    return {
        "content": [part if isinstance(part, str) else list(part) for part in content],
        "settings": settings,
        "system": system,
        "seed": seed,
        "ids_rle": run_lengths(batch["input_ids"][0].tolist()),
        "tile_means": [[round(float(mean), 4) for mean in tile.mean((1, 2))] for tile in pixels],
    }


def run_lengths(ids: list[int]) -> list[int | list[int]]:
    """Token ids with runs of three and more written as [id, count]."""
    found: list[int | list[int]] = []
    for token, run in groupby(ids):
        length = len(list(run))
        found += [[token, length]] if length > 2 else [token] * length
    return found


if __name__ == "__main__":
    cases = [made(*case, seed=5 * number) for number, case in enumerate(CASES)]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")

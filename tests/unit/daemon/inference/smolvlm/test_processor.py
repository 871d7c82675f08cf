"""Ours equals the stock processor: token ids exactly, pixels within 0.008."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerBase
from transformers.models.smolvlm.processing_smolvlm import DEFAULT_CHAT_TEMPLATE

from config.errors import ModelUnavailableError
from daemon.errors import PromptError
from daemon.inference.smolvlm.checkpoint import read_spec
from daemon.inference.smolvlm.processor import Floats, Processor, TileRule, read_tokenizer, rule_for, whole_tiles
from daemon.inference.smolvlm.prompts import IMAGE, Tiling, chat
from daemon.media.sampling import shrink
from tests.support.golden import REAL_FILES, golden, golden_prompts, gradient, spelled_out
from tests.support.golden_prompts import WHOLE, made

CLOSE = 0.008


PLAN = read_spec(REAL_FILES)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return read_tokenizer(REAL_FILES, PLAN)


def rule_of(settings: dict[str, Any]) -> TileRule:
    """What the golden case's caller passed, as our rule."""
    edge = settings.get("size", {}).get("longest_edge", PLAN.stock_edge)
    return TileRule(edge, split=settings.get("do_image_splitting", True))


def assert_pixels(found: Floats, golden_tiles: list[dict[str, Any]]) -> None:
    for tile, expected in zip(found, golden_tiles, strict=False):
        np.testing.assert_allclose(tile.mean((1, 2)), expected["mean"], atol=CLOSE)
        np.testing.assert_allclose(tile.std((1, 2)), expected["std"], atol=CLOSE)
        for place, values in expected["at"].items():
            y, x = map(int, place.split(","))
            np.testing.assert_allclose(tile[:, y, x], values, atol=CLOSE)


def name_of(case: dict[str, Any]) -> str:
    sizes = "+".join(f"{width}x{height}" for width, height in case["sizes"])
    edge = case["settings"].get("size", {}).get("longest_edge", "stock")
    return f"{sizes or 'text'}-{edge if case['settings'].get('do_image_splitting', True) else 'whole'}"


@pytest.mark.parametrize("case", golden()["images"], ids=name_of)
def test_pictures_and_prompts_equal_the_stock_processor(tokenizer: Tokenizer, case: dict[str, Any]) -> None:
    processor = Processor(PLAN, tokenizer, rule_of(case["settings"]))
    pictures = [gradient(width, height, case["seed"] + k) for k, (width, height) in enumerate(case["sizes"])]
    seen = processor.image_prompt(pictures)
    question = case["text"] + (IMAGE if case["order"] == "text-first" else "")
    assert processor.prompt_ids(seen, question, system=case["system"]) == spelled_out(case["ids_rle"])
    assert len(seen.tiles) == len(case.get("pixels", ()))
    assert_pixels(processor.normalize(seen.tiles), case.get("pixels", []))


@pytest.mark.parametrize("case", golden_prompts(), ids=lambda case: "+".join(map(str, case["content"])))
def test_pictures_at_their_marks_in_the_text_equal_the_stock_processor(
    tokenizer: Tokenizer, case: dict[str, Any]
) -> None:
    processor = Processor(PLAN, tokenizer, rule_of(case["settings"]))
    texts = [part for part in case["content"] if isinstance(part, str)]
    sizes = [part for part in case["content"] if not isinstance(part, str)]
    pictures = [gradient(width, height, case["seed"] + k) for k, (width, height) in enumerate(sizes)]
    seen = processor.image_prompt(pictures)
    expected = spelled_out(case["ids_rle"])
    marked = "".join(part if isinstance(part, str) else IMAGE for part in case["content"])
    assert processor.prompt_ids(seen, marked, system=case["system"]) == expected
    if case["content"] == [*sizes, *texts]:
        assert processor.prompt_ids(seen, "".join(texts), system=case["system"]) == expected, "pictures first"
    means = [tile.mean((1, 2)) for tile in processor.normalize(seen.tiles)]
    np.testing.assert_allclose(means, case["tile_means"], atol=CLOSE)


@pytest.mark.parametrize("case", [case for case in golden_prompts() if case["settings"] == WHOLE][::4])
def test_the_stored_prompts_are_those_of_the_installed_transformers(case: dict[str, Any]) -> None:
    content = tuple(part if isinstance(part, str) else tuple(part) for part in case["content"])
    assert made(content, case["settings"], case["system"], case["seed"]) == case


@pytest.mark.parametrize(
    ("pictures", "question"), [(0, "What is <image>?"), (1, "Compare <image> and <image>."), (2, "What is <image>?")]
)
def test_another_number_of_marks_than_of_pictures_is_an_error(
    tokenizer: Tokenizer, pictures: int, question: str
) -> None:
    processor = Processor(PLAN, tokenizer, rule_for("fast", PLAN))
    seen = processor.image_prompt([gradient(30, 20, k) for k in range(pictures)])
    with pytest.raises(PromptError, match=rf"marks is {question.count(IMAGE)}, its number of pictures {pictures}"):
        processor.prompt_ids(seen, question)


@pytest.mark.parametrize("case", golden()["videos"], ids=lambda case: f"{case['frames']}-frames")
def test_frames_and_prompts_equal_the_stock_processor(tokenizer: Tokenizer, case: dict[str, Any]) -> None:
    width, height = case["size"]
    frames = [gradient(width, height, case["seed"] + k) for k in range(case["frames"])]
    prepared = Processor(PLAN, tokenizer, rule_for("full", PLAN)).prepare(
        frames,
        case["text"],
        timestamps=[index / case["fps"] for index in case["indices"]],
        seconds=case["duration"],
        system=case["system"],
    )
    assert prepared.prompt_ids == spelled_out(case["ids_rle"])
    assert prepared.pixels.shape == (case["frames"], 3, 512, 512)
    assert len(case["pixels"]) == min(4, case["frames"])
    assert_pixels(prepared.pixels, case["pixels"])


@pytest.fixture(scope="module")
def stock_tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(REAL_FILES, local_files_only=True)


@pytest.mark.parametrize("system", [None, "Be brief.", "Focus only on the action.\n\nSkip context — s'il te plaît 🐶."])
@pytest.mark.parametrize("media", ["image", "video", None])
def test_a_prompt_with_a_system_prompt_equals_that_of_transformers_chat_template(
    tokenizer: Tokenizer, stock_tokenizer: PreTrainedTokenizerBase, system: str | None, media: str | None
) -> None:
    """Transformers replaces the checkpoint's template by its own where there is a video."""
    question = "Describe this image in one sentence."
    stock = json.loads((REAL_FILES / "chat_template.json").read_text(encoding="utf-8"))["chat_template"]
    messages: list[dict[str, Any]] = (
        [{"role": "system", "content": [{"type": "text", "text": system}]}] if system else []
    )
    seen = [{"type": media}] if media else []
    messages.append({"role": "user", "content": [*seen, {"type": "text", "text": question}]})
    ids = stock_tokenizer.apply_chat_template(
        messages,
        chat_template=DEFAULT_CHAT_TEMPLATE if media == "video" else stock,
        add_generation_prompt=True,
        return_dict=False,
    )
    block = {"image": IMAGE, "video": "<video>", None: ""}[media]
    ours = chat(block + question, picture_first=media == "image", system=system)
    assert Processor(PLAN, tokenizer, rule_for("full", PLAN)).encode(ours) == ids


def test_every_number_comes_from_the_checkpoint(tmp_path: Path) -> None:
    """A model with other tiles, as the 2.2B has them: 384 pixels and 81 tokens."""
    folder = copy_of_real_files(tmp_path)
    change(folder / "config.json", vision_config={"image_size": 384, "patch_size": 14}, scale_factor=3)
    change(folder / "processor_config.json", image_seq_len=81)
    edge = {"longest_edge": 384}
    sampling = {"fps": 2, "max_frames": 9, "video_size": edge}
    change(
        folder / "preprocessor_config.json",
        max_image_size=edge,
        size={"longest_edge": 1536},
        video_sampling=sampling,
        image_mean=[0.0, 0.0, 0.0],
        image_std=[1.0, 1.0, 1.0],
    )
    processor = Processor.from_folder(folder, detail="full")
    assert (processor.tile, processor.tokens_per_tile, processor.image_edge) == (384, 81, 1536)
    assert (processor.frames_per_second, processor.max_frames, processor.frame_edge) == (2, 9, 384)
    prepared = processor.prepare([gradient(640, 480, 0)], "What?")
    assert prepared.pixels.shape == (13, 3, 384, 384)
    assert prepared.prompt_ids.count(processor.image_id) == 13 * 81
    assert prepared.pixels.min() >= 0


@pytest.mark.parametrize(
    ("detail", "size", "tiling"),
    [
        ("fast", (1920, 1080), Tiling(0, 0)),
        ("balanced", (1920, 1080), Tiling(2, 2)),
        ("balanced", (640, 480), Tiling(2, 2)),
        ("balanced", (4000, 300), Tiling(1, 2)),
        ("balanced", (512, 300), Tiling(0, 0)),
        ("balanced", (100, 100), Tiling(0, 0)),
        ("full", (100, 100), Tiling(4, 4)),
        ("full", (640, 480), Tiling(3, 4)),
    ],
)
def test_detail_decides_how_many_tiles_a_picture_is_worth(
    tokenizer: Tokenizer, detail: Any, size: tuple[int, int], tiling: Tiling
) -> None:
    processor = Processor(PLAN, tokenizer, rule_for(detail, PLAN))
    assert processor.image_prompt([gradient(*size, 0)]).tilings == (tiling,)


@pytest.mark.parametrize("detail", ["fast", "balanced", "full"])
def test_a_picture_shrunk_to_the_edge_beforehand_gives_the_same_pixels(tokenizer: Tokenizer, detail: Any) -> None:
    processor = Processor(PLAN, tokenizer, rule_for(detail, PLAN))
    picture = gradient(2500, 1407, 3)
    before = shrink(picture, processor.image_edge)
    np.testing.assert_array_equal(processor.image_prompt([picture]).tiles, processor.image_prompt([before]).tiles)


def test_the_longer_edge_is_rounded_up_to_whole_tiles_first() -> None:
    assert whole_tiles(640, 480, 512) == (1024, 1024)
    assert whole_tiles(1024, 512, 512) == (1024, 512)
    assert whole_tiles(300, 1100, 512) == (512, 1536)


def test_leaked_special_tokens_and_spaces_are_not_part_of_an_answer(tokenizer: Tokenizer) -> None:
    stock = Processor(PLAN, tokenizer, rule_for("full", PLAN))
    ids = stock.encode(" A cat.<row_1_col_1><image><end_of_utterance>")
    assert stock.decode(ids) == "A cat."


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "tokenizer.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = copy_of_real_files(tmp_path)
    (folder / name).unlink()
    with pytest.raises(ModelUnavailableError, match=f"{name} (cannot be read|is missing)"):
        Processor.from_folder(folder, detail="fast")


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "processor_config.json", "tokenizer.json"])
@pytest.mark.parametrize("content", ["{", "[1]", "{}"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: str) -> None:
    folder = copy_of_real_files(tmp_path)
    (folder / name).write_text(content)
    with pytest.raises(ModelUnavailableError, match=name):
        Processor.from_folder(folder, detail="fast")


def test_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    folder = copy_of_real_files(tmp_path)
    change(folder / "processor_config.json", image_seq_len=81)
    with pytest.raises(ModelUnavailableError, match=r"processor_config\.json has image_seq_len 81"):
        Processor.from_folder(folder, detail="fast")


def test_a_tokenizer_with_another_id_for_the_image_token_is_refused() -> None:
    plan = replace(PLAN, image_id=7)
    with pytest.raises(ModelUnavailableError, match=r"tokenizer\.json gives <image> another id"):
        read_tokenizer(REAL_FILES, plan)


def copy_of_real_files(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REAL_FILES, tmp_path / "checkpoint"))


def change(file: Path, **values: Any) -> None:
    """Other values for some keys of a JSON file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | values))

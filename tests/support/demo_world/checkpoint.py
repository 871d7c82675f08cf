"""The demo checkpoint's files other than its weights: configuration, processor settings, tokenizer."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, SmolVLMConfig

from tests.support.demo_world.world import some_film, some_picture

TILE, PATCH, MERGE = 64, 8, 4
TOKENS_A_TILE = (TILE // PATCH // MERGE) ** 2
FIRST_SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
ROWS_AND_COLUMNS = tuple(f"<row_{r}_col_{c}>" for r in range(1, 7) for c in range(1, 7))
RESERVED = tuple(f"<|reserved_special_token_{k}|>" for k in range(88))
#: SmolVLM2's special tokens in the order of its own added_tokens.json, past the base vocabulary.
LAST_SPECIALS = (
    "<global-img>",
    *ROWS_AND_COLUMNS,
    "<fake_token_around_image>",
    "<image>",
    *RESERVED,
    "<end_of_utterance>",
)
VOCABULARY = 640
#: Frames of a clip; the stock 64 would not fit into so small a context.
LONGEST_FILM = 16


def special(text: str) -> AddedToken:
    return AddedToken(text, special=True, normalized=False)


def world_text(seed: int, count: int, prompts: list[str]) -> list[str]:
    """All text of the world, to learn a vocabulary from."""
    rng = random.Random(seed)
    lines = [
        "You are provided the following series of two three four five six seven eight nine frames from a 0:00:08 "
        "[H:MM:SS] video.\n\nFrame from 00:00:\nFrame from 00:01:\n\nUser: User:System: Assistant: "
    ] * (count // 4)
    for _ in range(count):
        picture, film = some_picture(rng), some_film(rng)
        lines += [f" {text}" for text in (picture.caption, picture.summary, film.caption, film.summary)]
        lines += [f"{ask} {answer}" for ask, answer in picture.questions()] + prompts
    return lines


def make_tokenizer(folder: Path, prompts: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE of a few hundred entries with all of SmolVLM2's special tokens, saved into `folder`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d\d|\n"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[special(t) for t in FIRST_SPECIALS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(world_text(1, 2000, prompts), trainer)
    tokenizer.add_special_tokens([special(t) for t in LAST_SPECIALS])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<end_of_utterance>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
        additional_special_tokens=["<fake_token_around_image>", "<image>", "<end_of_utterance>"],
        model_max_length=1024,
    )
    wrapped.save_pretrained(folder)
    return wrapped


def make_config(tokenizer: PreTrainedTokenizerFast) -> SmolVLMConfig:
    """About two and a half million parameters in SmolVLM2's own architecture."""
    image, pad = (tokenizer.convert_tokens_to_ids(token) for token in ("<image>", "<|im_end|>"))
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": pad}
    text = {
        "model_type": "llama",
        "hidden_size": 192,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "rope_theta": 10000.0,
        "max_position_embeddings": 1024,
        "rms_norm_eps": 1e-5,
        "vocab_size": len(tokenizer),
        **ends,
    }
    vision = {
        "model_type": "smolvlm_vision",
        "hidden_size": 144,
        "intermediate_size": 576,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "image_size": TILE,
        "patch_size": PATCH,
    }
    whole: dict[str, Any] = {
        "text_config": text,
        "vision_config": vision,
        "image_token_id": image,
        "scale_factor": MERGE,
        "tie_word_embeddings": False,
        "vocab_size": len(tokenizer),
        **ends,
    }
    return SmolVLMConfig(**whole)


def write_processor_files(folder: Path, *, tile: int = TILE, tokens_per_tile: int = TOKENS_A_TILE) -> None:
    edge = {"longest_edge": tile}
    preprocessor = {
        "do_convert_rgb": True,
        "do_image_splitting": True,
        "do_normalize": True,
        "do_pad": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "image_processor_type": "SmolVLMImageProcessor",
        "processor_class": "SmolVLMProcessor",
        "max_image_size": edge,
        "size": edge,
        "resample": 1,
        "rescale_factor": 1 / 255,
        "video_sampling": {"fps": 1, "max_frames": LONGEST_FILM, "video_size": edge},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=2) + "\n")
    processor = {"image_seq_len": tokens_per_tile, "processor_class": "SmolVLMProcessor"}
    (folder / "processor_config.json").write_text(json.dumps(processor, indent=2) + "\n")

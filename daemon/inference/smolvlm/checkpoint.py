"""Reads a checkpoint folder's files into one value. Nothing about a model is assumed that is not in its files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import ModelUnavailableError

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
NEEDED = ("config.json", "tokenizer.json", "preprocessor_config.json")


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """The model's input: edges in pixels, channel means and deviations of 0..1 values, tokens.

    `stock_edge`: the longest edge that the stock processor resizes pictures to; `context`: the most tokens in and out.
    """

    tile: int
    tokens_per_tile: int
    stock_edge: int
    frame_edge: int
    frames_per_second: float
    max_frames: int
    rescale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    image_id: int
    context: int


def missing_files(folder: Path) -> list[str]:
    """The files of a loadable checkpoint that `folder` lacks."""
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    return missing if any((folder / name).is_file() for name in WEIGHTS) else [*missing, WEIGHTS[0]]


def unusable_checkpoint(file: Path, problem: str) -> ModelUnavailableError:
    """The error for a checkpoint with this bad file."""
    return ModelUnavailableError(f"The model cannot be used: {file} {problem}.")


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file; raises ModelUnavailableError with the file's name."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise unusable_checkpoint(file, f"cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise unusable_checkpoint(file, f"is not JSON ({error})") from error
    if not isinstance(found, dict):
        raise unusable_checkpoint(file, "does not hold an object")
    return found


def read_spec(folder: Path) -> ModelSpec:
    """From config.json, preprocessor_config.json and processor_config.json (which older models lack)."""
    config_file, pictures_file = folder / "config.json", folder / "preprocessor_config.json"
    config, pictures = read_json(config_file), read_json(pictures_file)
    try:
        text, vision = config["text_config"], config["vision_config"]
        per_side = vision["image_size"] // vision["patch_size"]
        tokens = per_side**2 // config["scale_factor"] ** 2
        model = {"image_id": int(config["image_token_id"]), "context": int(text["max_position_embeddings"])}
    except (KeyError, TypeError) as error:
        raise unusable_checkpoint(config_file, f"lacks {error}") from error
    try:
        sampling = pictures["video_sampling"]
        spec = ModelSpec(
            tile=int(pictures["max_image_size"]["longest_edge"]),
            tokens_per_tile=tokens,
            stock_edge=int(pictures["size"]["longest_edge"]),
            frame_edge=int(sampling["video_size"]["longest_edge"]),
            frames_per_second=float(sampling["fps"]),
            max_frames=int(sampling["max_frames"]),
            rescale=float(pictures["rescale_factor"]),
            mean=tuple(map(float, pictures["image_mean"])),
            std=tuple(map(float, pictures["image_std"])),
            **model,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise unusable_checkpoint(pictures_file, f"lacks or misstates {error}") from error
    check_consistency(spec, folder, config)
    return spec


def check_consistency(spec: ModelSpec, folder: Path, config: dict[str, Any]) -> None:
    """Contradictory files would give wrong descriptions instead of errors, so they are compared here."""
    if config.get("model_type") != "smolvlm":
        raise unusable_checkpoint(folder / "config.json", f"is of a {config.get('model_type')} model, not of a smolvlm")
    image_size = config["vision_config"]["image_size"]
    if spec.tile != image_size:
        raise unusable_checkpoint(
            folder / "preprocessor_config.json", f"has tiles of {spec.tile} but config.json of {image_size}"
        )
    processor_file = folder / "processor_config.json"
    if processor_file.exists():
        stated = read_json(processor_file).get("image_seq_len")
        if stated != spec.tokens_per_tile:
            raise unusable_checkpoint(
                processor_file, f"has image_seq_len {stated}, but config.json makes {spec.tokens_per_tile}"
            )


def damaged_weights(folder: Path) -> list[str]:
    """The names of truncated or missing weights, from their headers alone."""
    index = folder / WEIGHTS[1]
    names = {WEIGHTS[0]}
    if not (folder / WEIGHTS[0]).is_file() and index.is_file():
        names = set(read_json(index).get("weight_map", {}).values())
    return sorted(name for name in names if not is_whole(folder / name))


def is_whole(file: Path) -> bool:
    """Whether a safetensors file has the length in its header: 8 bytes of length, JSON, then the numbers."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if length > file.stat().st_size:
                return False
            header = json.loads(opened.read(length))
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        return file.stat().st_size == 8 + length + max(ends, default=0)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False

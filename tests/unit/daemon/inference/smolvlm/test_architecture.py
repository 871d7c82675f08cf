from __future__ import annotations

import json
import math

import pytest

from daemon.inference.smolvlm.architecture import Architecture, architecture_of, read_architecture
from daemon.inference.weights.random import FILES, TENSORS


def heads(queries: int, keys: int) -> dict[str, int]:
    return {"num_attention_heads": queries, "num_key_value_heads": keys}


#: What differs from the 500M model's configuration; from the published configurations.
SIZES: dict[str, tuple[dict[str, int], dict[str, int], int]] = {
    "256m": ({"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, **heads(9, 3)}, {}, 4),
    "2.2b": (
        {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 24, **heads(32, 32)},
        {
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_hidden_layers": 27,
            "num_attention_heads": 16,
            "image_size": 384,
            "patch_size": 14,
        },
        3,
    ),
}


def of_size(size: str) -> Architecture:
    config = json.loads((FILES / "config.json").read_text())
    text, vision, merge = SIZES[size]
    text_config = config["text_config"] | text
    return architecture_of(
        config | {"text_config": text_config, "vision_config": config["vision_config"] | vision, "scale_factor": merge}
    )


def test_the_rule_gives_every_tensor_of_the_published_500m_model() -> None:
    stored = json.loads((FILES / TENSORS).read_text())
    shapes = read_architecture(FILES).shapes()
    assert {name: list(shape) for name, shape in shapes.items()} == stored["shapes"]
    assert sum(map(math.prod, shapes.values())) == stored["parameters"]


@pytest.mark.parametrize(("size", "parameters", "tokens"), [("256m", 256_484_928, 64), ("2.2b", 2_246_784_880, 81)])
def test_the_rule_gives_the_published_number_of_parameters_of_the_other_sizes(
    size: str, parameters: int, tokens: int
) -> None:
    architecture = of_size(size)
    assert sum(map(math.prod, architecture.shapes().values())) == parameters
    assert architecture.vision.side**2 // architecture.merge**2 == tokens

from __future__ import annotations

import json
import math

import pytest

from daemon.inference.smolvlm.architecture import architecture_of, read_architecture
from daemon.inference.weights.published_models import PUBLISHED
from daemon.inference.weights.random import FILES, TENSORS
from tests.support.published_twins import config_of


def test_the_rule_gives_every_tensor_of_the_published_500m_model() -> None:
    stored = json.loads((FILES / TENSORS).read_text())
    shapes = read_architecture(FILES).shapes()
    assert {name: list(shape) for name, shape in shapes.items()} == stored["shapes"]
    assert sum(map(math.prod, shapes.values())) == stored["parameters"]


@pytest.mark.parametrize(("size", "tokens"), [("256m", 64), ("2.2b", 81)])
def test_the_rule_gives_the_published_number_of_parameters_of_the_other_sizes(size: str, tokens: int) -> None:
    architecture = architecture_of(config_of(size))
    published = {model.short: model.parameters for model in PUBLISHED}
    assert sum(map(math.prod, architecture.shapes().values())) == published[size]
    assert architecture.vision.side**2 // architecture.merge**2 == tokens

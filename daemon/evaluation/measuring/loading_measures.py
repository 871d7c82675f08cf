"""Loading: the processor, the model from cold and warm, its memory, size and configuration."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil

from daemon.evaluation.measuring.situation import Measured, Situation, checked, timed
from daemon.inference.registry import engine_entry
from daemon.inference.weights.safetensors_header import stored_tensors
from daemon.inference.weights.sources import find_model
from storage.evaluation.evaluation_records import Figure

PROCESSOR_SECONDS, MODEL_SECONDS = 1.0, 60.0
WARM_LOADS = 3
NO_WEIGHTS = "This engine has no weights."
#: Of the published model, as it is in the package.
PUBLISHED = Path(__file__).parents[2] / "inference" / "smolvlm2_500m" / "config.json"
#: What the engine depends on, by part of the configuration.
COMPARED = {
    "text_config": ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size"),
    "vision_config": ("hidden_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size"),
}


def processor_load(situation: Situation) -> Measured:
    if not engine_entry(situation.settings).needs_weights:
        return Measured(skipped=NO_WEIGHTS)
    from daemon.inference.smolvlm.processor import Processor

    folder = find_model(situation.settings).path
    seconds = [timed(lambda: Processor.from_folder(folder, detail=situation.info.detail)) for _ in range(WARM_LOADS)]
    first = seconds[0]
    return Measured(
        figures=(
            Figure(name="processor", value=first, unit="s", note="wall clock; the libraries are loaded"),
            Figure(name="processor again", value=min(seconds), unit="s", note=f"least of {WARM_LOADS}"),
        ),
        checks=(
            checked("limit", f"under {PROCESSOR_SECONDS:g} s", first < PROCESSOR_SECONDS, f"It took {first:.2f} s."),
        ),
    )


def model_load(situation: Situation) -> Measured:
    """A second copy of the model is loaded beside the first."""
    if not engine_entry(situation.settings).needs_weights:
        return Measured(skipped=NO_WEIGHTS)
    process = psutil.Process()
    before, warm = process.memory_info().rss, list[float]()
    grown = 0
    for _ in range(WARM_LOADS):
        with closing(situation.new_engine(situation.settings)) as engine:
            warm.append(timed(engine.load))
            grown = max(grown, process.memory_info().rss - before)
    cold = situation.load_seconds
    folder = find_model(situation.settings)
    return Measured(
        text=f"{situation.info.model_id} on {situation.info.device} in {situation.info.dtype}",
        figures=(
            Figure(name="load, cold", value=cold, unit="s", note="the first of this process, with its libraries"),
            Figure(name="load, warm", value=min(warm), unit="s", note=f"least of {WARM_LOADS}"),
            Figure(name="memory of a second copy", value=float(grown), unit="bytes", note="growth of resident memory"),
            Figure(name="weights", value=float(folder.bytes), unit="bytes", note="on the disk"),
            Figure(name="parameters", value=float(parameters_of(folder.path)), unit="", note="of the weights' headers"),
        ),
        checks=(checked("limit", f"under {MODEL_SECONDS:g} s", cold < MODEL_SECONDS, f"It took {cold:.2f} s."),),
    )


def configuration(situation: Situation) -> Measured:
    """Compared with the published model of 500M parameters."""
    if not engine_entry(situation.settings).needs_weights:
        return Measured(skipped=NO_WEIGHTS)
    own, published = (json.loads(file.read_text(encoding="utf-8")) for file in (config_file(situation), PUBLISHED))
    if situation.settings.model.id == "demo":
        return Measured(text=layout_of(own), skipped="The demo model is a smaller one on purpose.")
    return Measured(
        text=layout_of(own),
        checks=tuple(
            checked(
                "configuration",
                f"{part}.{key} = {published[part].get(key)}",
                own.get(part, {}).get(key) == published[part].get(key),
                f"It is {own.get(part, {}).get(key)}.",
            )
            for part, keys in COMPARED.items()
            for key in keys
        ),
    )


def config_file(situation: Situation) -> Path:
    return find_model(situation.settings).path / "config.json"


def layout_of(config: dict[str, Any]) -> str:
    """The sizes in which models differ, in one line."""
    text, vision = config.get("text_config", {}), config.get("vision_config", {})
    return (
        f"text: {text.get('num_hidden_layers')} layers of {text.get('hidden_size')}; "
        f"vision: {vision.get('num_hidden_layers')} layers of {vision.get('hidden_size')}, "
        f"tiles of {vision.get('image_size')} pixels"
    )


def parameters_of(folder: Path) -> int:
    return sum(tensor.parameters for file in folder.glob("*.safetensors") for tensor in stored_tensors(file))

"""`smolwatch model`: the weights."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.options import json_option
from cli.render import console, say, say_json, say_table, size
from config.load import load_settings
from config.safe_text import safe_text
from storage.json_values import omit_missing

if TYPE_CHECKING:
    from daemon.inference.weights.published_models import PublishedModel
    from daemon.inference.weights.sources import ListedModel


@click.group(short_help="Download, list, quantize or make models.")
def command() -> None:
    """Download the weights, list the models, or make one with random weights."""


@command.command("pull", short_help="Download the weights, once.")
@click.argument("name", metavar="[NAME]", required=False)
@click.pass_obj
def pull_command(home: Path | None, name: str | None) -> None:
    """Download the model NAME, by default the chosen one (about 2.0 GB), once. Run it again to resume it.

    NAME: 256m, 500m, 2.2b, or a name on the Hugging Face hub. To see how large they are: smolwatch model list
    """
    from cli.weights import fetch

    settings = load_settings(home=home)
    found = fetch(settings.with_model(name))
    say(f"{safe_text(found.id)} is here: {safe_text(str(found.path))}")
    if name is not None and name != settings.model.id:
        say(f"Use it with: smolwatch run --model {safe_text(name)}")


@command.command("list", short_help="List the models and whether they are here.")
@json_option
@click.pass_obj
def list_command(home: Path | None, as_json: bool) -> None:
    """List the chosen model, the published ones and the demo model: where, how large, and whether it is here."""
    from daemon.inference.weights.sources import list_models

    models = list_models(load_settings(home=home))
    if as_json:
        say_json([to_json(model) for model in models])
        return
    rows = [
        ("*" if model.chosen else "", short_name(model), safe_text(place_of(model)), model.state) for model in models
    ]
    say_table(("", "model", "repository or folder", "state"), rows)
    say()
    sizes = [(short_name(model), *needs_of(model)) for model in models if model.published or model.here]
    say_table(("model", "parameters", "on disk", "memory", "licence"), sizes)
    say("\n* chosen. Memory: of a GPU, for a video in bf16, by the model's card.")
    say_advice(next(model for model in models if model.chosen))


def short_name(model: ListedModel) -> str:
    """Empty where the model has none."""
    return model.published.short if model.published else "demo" if model.name == "demo" else ""


def place_of(model: ListedModel) -> str:
    return "" if model.name == "demo" else model.published.repository if model.published else model.name


def needs_of(model: ListedModel) -> tuple[str, str, str, str]:
    """Parameters, bytes on the disk (of the download, while it is not here), memory and licence, as far as known."""
    known = model.published
    on_disk = model.here.bytes if model.here is not None else known.bytes if known else 0
    if known is None:
        return "", size(on_disk), "", ""
    return f"{known.parameters / 1e6:.0f} million", size(on_disk), size(known.memory_bytes), known.licence


def say_advice(model: ListedModel) -> None:
    """What is missing, and what to do about it; nothing for a model that is here. Wrapped at the terminal's width."""
    from rich.text import Text

    texts = [model.advice] if model.state == "not downloaded" else [model.problem, model.advice]
    for text in filter(None, texts):
        console().print(Text(safe_text(text)))


def to_json(model: ListedModel) -> dict[str, Any]:
    return omit_missing(
        name=model.name,
        id=model.id,
        revision=model.revision,
        chosen=model.chosen,
        here=model.here is not None,
        path=model.here and str(model.here.path),
        bytes=model.here and model.here.bytes,
        **({} if model.published is None else published_json(model.published)),
        problem=f"{model.problem} {model.advice}".strip() or None,
    )


def published_json(known: PublishedModel) -> dict[str, Any]:
    return {
        "short": known.short,
        "parameters": known.parameters,
        "download_bytes": known.bytes,
        "memory_bytes": known.memory_bytes,
        "licence": known.licence,
    }


@command.command("quantize", short_help="Store the chosen model in 8 or 4 bits, for MLX.")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--bits", type=click.Choice(["8", "4"]), default="8", show_default=True, help="Bits of a weight.")
@click.option("--model", metavar="ID|FOLDER|demo", help="Another model than the chosen one.")
@click.pass_obj
def quantize_command(home: Path | None, folder: Path, bits: str, model: str | None) -> None:
    """Store the chosen model with weights of 8 or 4 bits in DIR, for the engine mlx; the vision tower keeps 16.

    The answers change a little with 8 bits, and more with 4.
    """
    from daemon.inference.engine_choice import require_mlx
    from daemon.inference.weights.sources import find_model

    found = find_model(load_settings(home=home, overrides={"model.id": model} if model else {}))
    require_mlx()
    from daemon.inference.mlx.quantize import write_quantized

    write_quantized(found.path, folder, int(bits))
    written = (folder / "model.safetensors").stat().st_size
    say(f"Written to {safe_text(str(folder))} ({size(written)}, before: {size(found.bytes)}).")
    say(f"Use it with: smolwatch run --engine mlx --model {safe_text(shlex.quote(str(folder)))}")


@command.command("random", short_help="Make a model of full size with random weights.")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The seed of the random weights."
)
def random_command(folder: Path, seed: int) -> None:
    """Make a model of the default one's size with random weights: the same speed, meaningless answers."""
    from daemon.inference.weights.sources import write_random

    write_random(folder, seed)
    say(f"Written to {safe_text(str(folder))}; use it with: smolwatch run --model DIR")

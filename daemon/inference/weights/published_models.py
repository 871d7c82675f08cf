"""The published SmolVLM2 models by their short names: where they are, how large, and what they need.

Sources: the model cards and file lists at https://huggingface.co/HuggingFaceTB (repository, licence, memory, sizes of
files, SHA-256), read in November 2026. Parameters: counted by the rule of `smolvlm/architecture.py` from the published
configurations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.settings import DEFAULT_MODEL, DEFAULT_REVISION


@dataclass(frozen=True, kw_only=True)
class PublishedModel:
    """`bytes`: of the download, and so on the disk. `memory_bytes`: of a GPU, for a video in bf16, by the model's card.

    `sha256`: of its weights, by file; only of those whose page was read.
    """

    short: str
    repository: str
    revision: str
    parameters: int
    bytes: int
    memory_bytes: int
    licence: str
    sha256: Mapping[str, str]


PUBLISHED = (
    PublishedModel(
        short="256m",
        repository="HuggingFaceTB/SmolVLM2-256M-Video-Instruct",
        revision="067788b187b95ebe7b2e040b3e4299e342e5b8fd",
        parameters=256_484_928,
        bytes=1_030_000_000,
        memory_bytes=1_380_000_000,
        licence="Apache-2.0",
        sha256={"model.safetensors": "dcc8f4c00d30d70bb3028a1bfc373e1b1972e25919f8788183cae4ae72431ce2"},
    ),
    PublishedModel(
        short="500m",
        repository=DEFAULT_MODEL,
        revision=DEFAULT_REVISION,
        parameters=507_482_304,
        bytes=2_034_000_000,
        memory_bytes=1_800_000_000,
        licence="Apache-2.0",
        sha256={"model.safetensors": "b9bfd456c9472c0acd5719d6e514c4b859891af205ee1a736552fd3497b8b0c3"},
    ),
    PublishedModel(
        short="2.2b",
        repository="HuggingFaceTB/SmolVLM2-2.2B-Instruct",
        revision="482adb537c021c86670beed01cd58990d01e72e4",
        parameters=2_246_784_880,
        bytes=8_991_000_000,
        memory_bytes=5_200_000_000,
        licence="Apache-2.0",
        sha256={
            "model-00002-of-00002.safetensors": "cf3d0958a8240f71054a6812038f2a6bfbe2e5124573a3b363f6b120c9a52657",
        },
    ),
)


def published(name: str) -> PublishedModel | None:
    """By its short name, in any case, or its repository."""
    return next((model for model in PUBLISHED if name.lower() == model.short or name == model.repository), None)


def hub_place(name: str, revision: str) -> tuple[str, str]:
    """Repository and commit of a model on the hub.

    The default revision is a commit of the 500M model alone: for another published model it stands for that one's own.
    """
    model = published(name)
    if model is None:
        return name, revision
    return model.repository, model.revision if revision == DEFAULT_REVISION else revision


def pinned_sha256(repository: str, revision: str, file: str) -> str | None:
    """The published file's SHA-256; None where none is known."""
    model = published(repository)
    return model.sha256.get(file) if model is not None and model.revision == revision else None

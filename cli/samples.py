"""The pictures and clips that are in the package, each with its one correct caption; and a question."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import daemon.inference

FOLDER = Path(daemon.inference.__file__).parent / "demo_model" / "samples"


@dataclass(frozen=True)
class Sample:
    file: Path
    caption: str

    @property
    def name(self) -> str:
        return self.file.name


@dataclass(frozen=True)
class SampleQuestion:
    """A question about the sample with this name, and its one correct answer."""

    name: str
    question: str
    answer: str


#: One that the demo model was trained to answer.
SAMPLE_QUESTION = SampleQuestion("sample 03.png", "How many shapes are there?", "Three.")


def shipped_samples(folder: Path = FOLDER) -> list[Sample]:
    captions = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
    return [Sample(folder / name, caption) for name, caption in captions.items()]


def copy_into_inbox(samples: list[Sample], inbox: Path) -> None:
    """Existing files are left as they are."""
    for sample in samples:
        if not (inbox / sample.name).exists():
            shutil.copyfile(sample.file, inbox / sample.name)

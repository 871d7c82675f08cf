"""An inbox of described files whose database is lost."""

from __future__ import annotations

import os
from pathlib import Path

from storage.records import Fingerprint, MediaKind, NewFile
from storage.sidecars import json, markdown
from tests.support.files import description_of, digest_of
from tests.support.intake_home import PNG

CAPTION = "A beach."


def describe_many(inbox: Path, count: int, *, text: str, every: int) -> None:
    """Files in folders of a hundred. In every `every`-th, a person replaced the caption by `text`."""
    for number in range(count):
        folder = inbox / f"{number // 100:03}"
        folder.mkdir(exist_ok=True)
        describe(folder / f"{number:05}.png", PNG + b"%d" % number, text if number % every == 0 else CAPTION)


def describe(file: Path, content: bytes, caption: str) -> None:
    file.write_bytes(content)
    new = NewFile(
        path=os.fsencode(file),
        fingerprint=Fingerprint.of(file.lstat()),
        digest=digest_of(content),
        kind=MediaKind.IMAGE,
        format="png",
    )
    description = description_of(new, answers={"caption": CAPTION, "summary": "A beach with waves."})
    for form in (json, markdown):
        sidecar = file.with_name(file.name + form.SUFFIX.decode())
        sidecar.write_bytes(form.render(description).replace(CAPTION.encode(), caption.encode()))

"""Sidecars of one recipe, as they were before a file could have descriptions by several recipes.

`tests/data/golden_sidecars.json` holds the result of every step of every case, made by that version. It never changes,
but for "hostile.md": since then, the lines of an answer stay lines.
"""

from __future__ import annotations

import json as plain_json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from config.settings import Existing
from storage.description import Description, Quality, Segment
from storage.records import MediaKind
from storage.sidecars import json, markdown
from storage.sidecars.merging import Form
from tests.fakes.clock import START
from tests.support.checkout import ROOT
from tests.support.files import description_of, new_file

SHIPPED = ROOT / "tests" / "data" / "golden_sidecars.json"
HOSTILE = "a\x1b[31m](http://evil) <script> `x` | b\n# heading\n\u202e\x9b**bold** \udcff"
FILE = new_file()
OTHER_BYTES = new_file(content=b"higher waves", inode=8)

#: A change by a person, or a description that is merged.
Step = Callable[[bytes], bytes] | tuple[Description, Existing]
#: Merges a description into a sidecar.
Compose = Callable[[Form, bytes | None, Description, Existing], bytes | None]


def described(later: int = 0, **answers: str) -> Description:
    found = answers or {"caption": "A beach.", "summary": "Waves roll in."}
    return description_of(FILE, answers=found, described_at=START + timedelta(hours=later))


def video() -> Description:
    return description_of(
        new_file(b"/inbox/beach_1.mov", kind=MediaKind.VIDEO, format="mov"),
        timeline=(Segment(start=0.0, end=4.04, text="Waves."), Segment(start=4.04, end=8.0, text="A | B")),
        quality=Quality(verdict="suspect", reasons=("caption: loop",)),
    )


SAND = described(1, caption="Sand.", summary="Much sand.")
DUNES = described(2, caption="Dunes.", place="Sylt")
CHANGED = description_of(
    OTHER_BYTES, answers={"caption": "A storm.", "summary": "High waves."}, described_at=START + timedelta(hours=3)
)


def changed_caption(content: bytes) -> bytes:
    return content.replace(b"A beach.", b"Our beach.", 1)


def with_tags(content: bytes) -> bytes:
    record: dict[str, Any] = plain_json.loads(content)
    return plain_json.dumps(record | {"tags": ["sea", {"deep": None}]}).encode()


def with_place(content: bytes) -> bytes:
    return content.replace(b"## Summary", b"## Place\n\nSylt, *1987*.\n\n## Summary", 1)


def without_summary(content: bytes) -> bytes:
    before, _, rest = content.partition(b"## Summary")
    return before + b"## Figures" + rest.partition(b"## Figures")[2]


def of_windows(content: bytes) -> bytes:
    return content.replace(b"\n", b"\r\n").replace(b"Waves roll in.", b"Sch\xf6n,\r\nund blau.")


def without_digest(content: bytes) -> bytes:
    """As the first versions wrote it."""
    return content.replace(b" " + FILE.digest.encode() + b" ", b" ", 1)


CASES: dict[str, tuple[Description, list[Step]]] = {
    "video": (video(), [(video(), "fill")]),
    "hostile": (described(caption=HOSTILE), []),
    "name": (replace(described(), path=b"/inbox/bad\xff\x1b.jpg"), []),
    "names-of-answers": (described(alt_text="A beach.", text_in_picture="None."), [(SAND, "fill")]),
    "fill": (described(), [(SAND, "fill"), (DUNES, "fill")]),
    "skip": (described(), [(SAND, "skip")]),
    "append": (described(), [(SAND, "append"), (SAND, "append"), changed_caption, (DUNES, "append"), (SAND, "fill")]),
    "overwrite": (described(), [(SAND, "append"), changed_caption, (DUNES, "overwrite")]),
    "edited": (described(), [changed_caption, (SAND, "fill"), (DUNES, "fill")]),
    "edited-and-changed-in-place": (described(), [changed_caption, (CHANGED, "fill"), (CHANGED, "fill")]),
    "recipe-of-a-newer-version": (
        described(),
        [changed_caption, (replace(SAND, recipe=replace(SAND.recipe, version=2, digest="9")), "fill")],
    ),
}
#: Cases of one form.
OF_FORM: dict[Form, dict[str, tuple[Description, list[Step]]]] = {
    json: {"tags": (described(), [with_tags, (SAND, "fill"), (DUNES, "append"), (SAND, "overwrite")])},
    markdown: {
        "place": (described(), [with_place, (SAND, "fill"), (DUNES, "append"), (SAND, "fill")]),
        "section-removed": (described(), [without_summary, (SAND, "fill")]),
        "windows": (described(), [of_windows, (SAND, "fill"), (DUNES, "append")]),
        "first-version": (described(), [without_digest, changed_caption, (CHANGED, "fill")]),
    },
}


def results(compose: Compose) -> Iterator[tuple[str, str]]:
    """(name, content) after every step."""
    for form, more in OF_FORM.items():
        for name, (first, steps) in (CASES | more).items():
            content = compose(form, None, first, "fill") or b""
            yield f"{name}{form.SUFFIX.decode()}", content.decode("utf-8", "surrogateescape")
            for number, step in enumerate(steps, start=1):
                content = (compose(form, content, *step) if isinstance(step, tuple) else step(content)) or b""
                yield f"{name} {number}{form.SUFFIX.decode()}", content.decode("utf-8", "surrogateescape")


def golden() -> dict[str, str]:
    found: dict[str, str] = plain_json.loads(SHIPPED.read_text(encoding="utf-8"))
    return found

"""A person's question, as the value that is sent to the daemon. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from config.errors import SmolwatchError
from config.groups import Detail

DEFAULT_TOKENS = 256
#: More pictures do not fit into a prompt, even in one tile each.
MOST_FILES = 100
MOST_ANSWERS = 32


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A question about `files` (absolute paths: pictures, or one video), or about none.

    `tokens`: the answer's limit. `repeat`: how many answers, each sampled with the next seed. `detail`: how finely
    pictures are cut; None is that of the settings. At `temperature` 0 nothing is sampled.
    """

    question: str
    files: tuple[bytes, ...] = ()
    system: str | None = None
    tokens: int = DEFAULT_TOKENS
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    repeat: int = 1
    detail: Detail | None = None

    def to_arguments(self) -> dict[str, Any]:
        """As JSON values. Bytes of a path that are not UTF-8 become surrogates."""
        return asdict(self) | {"files": [os.fsdecode(file) for file in self.files]}

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> Ask:
        """Raises SmolwatchError for those of another version."""
        try:
            files = tuple(os.fsencode(file) for file in arguments["files"])
            return cls(**{**arguments, "files": files})
        except (KeyError, TypeError) as error:
            names = ", ".join(field.name for field in fields(cls))
            raise SmolwatchError(
                f"The question does not have the fields that the daemon needs: {names}.",
                advice="Restart the daemon, so that it is of this version.",
            ) from error

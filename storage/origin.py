"""What descriptions by one model come from: its weights, its precision, its answers about control tiles. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Origin:
    """`weights` and `control` are digests; see `description.ModelFacts`. None: unknown."""

    model: str
    dtype: str
    weights: str | None = None
    control: str | None = None

    def difference(self, other: Origin) -> str | None:
        """The first known difference between two origins of one model, for people; None if there is none."""
        for name, mine, theirs in (
            ("weights", self.weights, other.weights),
            ("precision", self.dtype, other.dtype),
            ("answers about control tiles", self.control, other.control),
        ):
            if mine is not None and theirs is not None and mine != theirs:
                return name
        return None


@dataclass(frozen=True, kw_only=True)
class MixedOrigin:
    """How many of a model's `total` descriptions have another origin than the newest one; `recipes`: by which recipes.

    `differences`: in what, for people.
    """

    model: str
    count: int
    total: int
    differences: tuple[str, ...]
    recipes: tuple[str, ...]

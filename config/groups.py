"""What all groups of settings are made of."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Detail = Literal["fast", "balanced", "full"]
DETAILS: tuple[Detail, ...] = get_args(Detail)
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Group(BaseModel):
    """Frozen values; a key that is not a field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

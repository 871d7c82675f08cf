"""What a model has said about the same bytes before, at whatever path. It is not asked again."""

from __future__ import annotations

from collections.abc import Collection

from config.recipes import Recipe
from daemon.inference.engine import EngineInfo
from daemon.worker.describe import same_for
from storage.description import Description
from storage.jobs.store import JobStore
from storage.records import Claim


class AnswerCache:
    """Answers to the questions of one recipe. May raise StorageError."""

    def __init__(self, store: JobStore, recipe: Recipe) -> None:
        self._store = store
        self._recipe = recipe.digest

    def among(self, claims: Collection[Claim], info: EngineInfo) -> set[str]:
        """The digests of those whose bytes this model has described. Jobs that are to be asked again do not count."""
        digests = {claim.job.digest for claim in claims if not claim.job.fresh}
        return self._store.answered(digests, model=model_of(info), recipe=self._recipe) if digests else set()

    def said_of(self, claim: Claim, info: EngineInfo) -> Description | None:
        """The same words, for this job's path."""
        if claim.job.fresh:
            return None
        known = self._store.cached_description(claim.job.digest, model=model_of(info), recipe=self._recipe)
        return None if known is None else same_for(claim.job, known)


def model_of(info: EngineInfo) -> str:
    return f"{info.model_id}@{info.revision}"

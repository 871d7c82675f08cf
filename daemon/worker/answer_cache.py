"""Descriptions of the same bytes at other paths are reused: the model does not run again."""

from __future__ import annotations

from collections.abc import Collection

from config.recipes import Recipe
from daemon.inference.engine import EngineInfo
from daemon.worker.describe import with_path_of
from storage.description import Description
from storage.jobs.store import JobStore
from storage.records import Claim


class AnswerCache:
    """Descriptions under one recipe; none where its questions hold a file's name, folder or date.

    Raises StorageError.
    """

    def __init__(self, store: JobStore, recipe: Recipe) -> None:
        self._store = store
        self._recipe = recipe.digest
        self._is_off = recipe.uses_context

    def cached_digests(self, claims: Collection[Claim], info: EngineInfo) -> set[str]:
        """The digests among these claims that this model has described. Jobs to be described afresh do not count."""
        digests = {claim.job.digest for claim in claims if not (self._is_off or claim.job.fresh)}
        return self._store.answered(digests, model=model_of(info), recipe=self._recipe) if digests else set()

    def description(self, claim: Claim, info: EngineInfo) -> Description | None:
        """The cached description with this job's path; None if there is none, or it is to be described afresh."""
        if self._is_off or claim.job.fresh:
            return None
        cached = self._store.cached_description(claim.job.digest, model=model_of(info), recipe=self._recipe)
        return None if cached is None else with_path_of(claim.job, cached)


def model_of(info: EngineInfo) -> str:
    return f"{info.model_id}@{info.revision}"

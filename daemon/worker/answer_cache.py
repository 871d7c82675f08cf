"""Descriptions of the same bytes at other paths are reused: the model does not run again."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from config.recipes import Recipe
from daemon.inference.engine import EngineInfo
from daemon.worker.describe import detail_of, with_path_of
from storage.description import Description
from storage.jobs.store import JobStore
from storage.records import AnswerKey, Claim, Job


class AnswerCache:
    """Descriptions by job recipe; none where its questions hold a file's name, folder or date. Raises StorageError."""

    def __init__(self, store: JobStore, recipes: Mapping[str, Recipe]) -> None:
        self._store = store
        self._recipes = recipes

    def cached_jobs(self, claims: Collection[Claim], info: EngineInfo) -> set[int]:
        """The ids of the claimed jobs that this model has described. Jobs to be described afresh do not count."""
        by_key: dict[AnswerKey, list[Job]] = {}
        for claim in claims:
            if key := self._key_of(claim.job, info):
                by_key.setdefault(key, []).append(claim.job)
        found: set[int] = set()
        for key, jobs in by_key.items():
            answered = self._store.answers.described({job.digest for job in jobs}, key)
            found |= {job.id for job in jobs if job.digest in answered}
        return found

    def description(self, claim: Claim, info: EngineInfo) -> Description | None:
        """The cached description with this job's path; None if there is none, or it is to be described afresh."""
        key = self._key_of(claim.job, info)
        cached = None if key is None else self._store.answers.description(claim.job.digest, key)
        return None if cached is None else with_path_of(claim.job, cached)

    def _key_of(self, job: Job, info: EngineInfo) -> AnswerKey | None:
        """What the job's answers depend on; None if no description of the same bytes elsewhere may be reused for it."""
        recipe = self._recipes.get(job.spec.recipe)
        if recipe is None or recipe.uses_context or job.fresh:
            return None
        model = f"{info.model_id}@{info.revision}"
        return AnswerKey(model=model, recipe=recipe.digest, detail=detail_of(job, info))

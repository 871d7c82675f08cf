"""Descriptions of the same bytes at other paths are reused: the model does not run again."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from config.recipes import Recipe
from daemon.inference.engine import EngineInfo
from daemon.worker.describe import with_path_of
from storage.description import Description
from storage.jobs.store import JobStore
from storage.records import Claim, Job


class AnswerCache:
    """Descriptions by job recipe; none where its questions hold a file's name, folder or date. Raises StorageError."""

    def __init__(self, store: JobStore, recipes: Mapping[str, Recipe]) -> None:
        self._store = store
        self._recipes = recipes

    def cached_jobs(self, claims: Collection[Claim], info: EngineInfo) -> set[int]:
        """The ids of the claimed jobs that this model has described. Jobs to be described afresh do not count."""
        by_recipe: dict[str, list[Job]] = {}
        for claim in claims:
            if recipe := self._recipe_of(claim.job):
                by_recipe.setdefault(recipe.digest, []).append(claim.job)
        found: set[int] = set()
        for digest, jobs in by_recipe.items():
            answered = self._store.answered({job.digest for job in jobs}, model=model_of(info), recipe=digest)
            found |= {job.id for job in jobs if job.digest in answered}
        return found

    def description(self, claim: Claim, info: EngineInfo) -> Description | None:
        """The cached description with this job's path; None if there is none, or it is to be described afresh."""
        recipe = self._recipe_of(claim.job)
        if recipe is None:
            return None
        cached = self._store.cached_description(claim.job.digest, model=model_of(info), recipe=recipe.digest)
        return None if cached is None else with_path_of(claim.job, cached)

    def _recipe_of(self, job: Job) -> Recipe | None:
        """The job's recipe, if a description of the same bytes elsewhere can be reused for it."""
        recipe = self._recipes.get(job.spec.recipe)
        return None if recipe is None or recipe.uses_context or job.fresh else recipe


def model_of(info: EngineInfo) -> str:
    return f"{info.model_id}@{info.revision}"

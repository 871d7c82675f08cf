"""The jobs that the engine works on: submits their requests, finds a reply's job, and cancels what is not needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from loguru import logger

from config.recipes import Recipe
from daemon.inference.engine import Reply, Request
from daemon.media.clip import Clip
from daemon.worker.describe_plan import DescribePlan
from daemon.worker.describe_session import DescribeSession, SessionResult
from daemon.worker.engine_host import EngineHost
from daemon.worker.prefetch import DecodeTask
from daemon.worker.questions import filled_recipe
from storage.description import Media
from storage.records import Claim


@dataclass(frozen=True, kw_only=True, eq=False)
class InFlightJob:
    """A job with requests in the engine; `decode_seconds`: what opening its file took."""

    task: DecodeTask
    media: Media
    defects: tuple[str, ...]
    decode_seconds: float
    recipe: Recipe
    session: DescribeSession

    @property
    def claim(self) -> Claim:
        return self.task.claim


def described(task: DecodeTask, clip: Clip, recipe: Recipe, decode_seconds: float) -> InFlightJob:
    """The job whose file is open, with a session for its description."""
    job = task.claim.job
    plan = DescribePlan(f"{job.id}.{task.claim.token}", filled_recipe(job, recipe), job.spec.detail)
    return InFlightJob(
        task=task,
        media=clip.media,
        defects=clip.defects,
        decode_seconds=decode_seconds,
        recipe=recipe,
        session=DescribeSession(plan),
    )


class InFlightJobs:
    """A job is in flight while the engine has a request of it."""

    def __init__(self, engine: EngineHost) -> None:
        self._engine = engine
        self._jobs: dict[str, InFlightJob] = {}  # by request id

    def __len__(self) -> int:
        return len(self.claims())

    @property
    def request_count(self) -> int:
        return len(self._jobs)

    def claims(self) -> list[Claim]:
        """Of all jobs in flight, the oldest request first."""
        return [job.claim for job in dict.fromkeys(self._jobs.values())]

    def start(self, job: InFlightJob, clip: Clip) -> None:
        """Submit the job's first requests. Raises EngineError."""
        self._submit(job, job.session.start(clip))

    def job_of(self, reply: Reply) -> InFlightJob | None:
        """None if the request was cancelled."""
        return self._jobs.get(reply.id)

    def feed(self, job: InFlightJob, reply: Reply) -> SessionResult | None:
        """The result after the job's last reply; else the requests that follow are submitted. Raises EngineError."""
        del self._jobs[reply.id]
        found = job.session.feed(reply)
        if isinstance(found, SessionResult):
            return found
        self._submit(job, found)
        return None

    def cancel_lost(self, holds: Callable[[Claim], bool]) -> None:
        """Cancel the jobs whose claims are not held any more: they were lost, or their jobs have failed.

        Raises EngineError.
        """
        for claim in self.claims():
            if not holds(claim):
                logger.info("Job {} {}: cancelled in the engine", claim.job.id, claim.job.name)
                self.cancel(claim)

    def cancel(self, claim: Claim) -> None:
        """Drop the claim's requests: they get no reply. Raises EngineError."""
        for request_id in [request_id for request_id, job in self._jobs.items() if job.claim is claim]:
            del self._jobs[request_id]
            self._engine.cancel(request_id)

    def clear(self) -> list[Claim]:
        """Forget all jobs of an engine that has failed, and return their claims."""
        claims = self.claims()
        self._jobs.clear()
        return claims

    def _submit(self, job: InFlightJob, requests: list[Request]) -> None:
        for request in requests:
            self._engine.submit(request)
            self._jobs[request.id] = job

"""The steps of a search that run in workers: appraisals, trials at rising budgets, finalists."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from edgecnn.core.errors import EdgecnnError
from edgecnn.core.progress import Progress
from edgecnn.parallel.executor import Executor, Job, run
from edgecnn.runtime.model.validation import Record
from edgecnn.searching import finalist as finalists_of
from edgecnn.searching import sampler
from edgecnn.searching.appraisal import appraise
from edgecnn.searching.candidate import Candidate
from edgecnn.searching.finalist import recipe_of
from edgecnn.searching.front import Point, front, promoted
from edgecnn.searching.journal import Journal
from edgecnn.searching.record import Finalist, Network, Trial
from edgecnn.searching.task import Task
from edgecnn.searching.toml_text import toml
from edgecnn.searching.trial import try_out

R = TypeVar("R", bound=Record)
REDUCTION = 3
"""Of the candidates from one budget to the next, which has so many times as many images."""
RUNGS = 2
TRIAL_SHARE = 0.6
"""Of the time limit that trials may take; the rest is the finalists'."""
_LEAST_PER_CLASS = 4


@dataclass(frozen=True)
class Steps:
    """What the steps share.

    Attributes:
        task: the search.
        journal: its folder.
        progress: told how far it is.
        slots: workers, for the time that steps take side by side.
    """

    task: Task
    journal: Journal
    progress: Progress
    slots: int

    def appraisals(self, executor: Executor) -> dict[str, Network]:
        """Of every network, by its key."""
        seed = self.task.settings.effort.seed
        networks = {candidate.network_key: candidate for candidate in self.task.candidates}
        payloads = {
            f"estimates/{key}.json": {"candidate": candidate.to_dict(), "classes": self.task.classes, "seed": seed}
            for key, candidate in networks.items()
        }
        failed = lambda error: Network({}, {}, error=str(error))  # noqa: E731
        found = self._each(executor, appraise, payloads, Network, failed, lambda done: "Estimating candidates")
        return dict(zip(networks, found.values()))

    def trials(
        self, executor: Executor, networks: Mapping[str, Candidate], latencies_ms: Mapping[str, float]
    ) -> dict[str, Trial]:
        """Of the networks that were chosen, each at the highest budget that it got to.

        Args:
            executor: where they run.
            networks: those that may be tried, by key.
            latencies_ms: of each, estimated.
        """
        rungs, effort = self._rungs(), self.task.settings.effort
        tried: dict[str, Trial] = {}
        keys = sampler.spread(latencies_ms, math.ceil(effort.trials / 2))
        while keys and self._may_try(tried):
            tried.update(self._tried(executor, {key: networks[key] for key in keys}, rungs[0], tried, latencies_ms))
            count = min(sampler.BATCH, effort.trials - len(tried), len(networks) - len(tried))
            seed = effort.seed + len(tried)
            known = points(tried, latencies_ms)
            keys = sampler.proposed(networks, latencies_ms, known, tried, count, seed) if count > 0 else []
        self._refuse_failures(tried)
        kept = tried
        for images in rungs[1:]:
            if not self._may_try(tried):
                break
            kept = self._promoted(kept, latencies_ms)
            kept = self._tried(executor, {key: networks[key] for key in kept}, images, tried, latencies_ms)
            tried = {**tried, **{key: trial for key, trial in kept.items() if not trial.error}}
        return tried

    def _promoted(self, tried: Mapping[str, Trial], latencies_ms: Mapping[str, float]) -> dict[str, Trial]:
        known = points(tried, latencies_ms)
        count = max(self.task.settings.effort.finalists, math.ceil(len(tried) / REDUCTION))
        keys, bound_ms = list(known), self.task.settings.constraints.latency_ms
        return {
            keys[row]: tried[keys[row]] for row in promoted(list(known.values()), count, bound_ms, self.task.guessing)
        }

    def _rungs(self) -> list[int]:
        """Training images of the budgets, the smallest first."""
        whole = min(self.task.images, self.task.settings.effort.trial_images)
        sizes = [whole // REDUCTION**step for step in range(RUNGS, 0, -1)]
        least = min(self.task.images, _LEAST_PER_CLASS * self.task.classes)
        return sorted({max(least, size) for size in sizes})

    def _tried(
        self,
        executor: Executor,
        networks: Mapping[str, Candidate],
        images: int,
        before: Mapping[str, Trial],
        latencies_ms: Mapping[str, float],
    ) -> dict[str, Trial]:
        effort = self.task.settings.effort
        shared = {"train": self.task.template["train"], "images": images, "seed": effort.seed}
        shared["epochs"] = effort.trial_epochs
        payloads = {
            f"trials/{key}/{images}-images.json": {"candidate": candidate.to_dict(), **shared}
            for key, candidate in networks.items()
        }

        def stage(done: Mapping[str, Trial]) -> str:
            results = {**before, **{name.split("/")[1]: trial for name, trial in done.items()}}
            return f"Trials on {images} images{_so_far(points(results, latencies_ms))}"

        failed = lambda error: Trial(images, error=str(error))  # noqa: E731
        found = self._each(executor, try_out, payloads, Trial, failed, stage)
        return dict(zip(networks, found.values()))

    def _refuse_failures(self, tried: Mapping[str, Trial]) -> None:
        errors = [trial.error for trial in tried.values() if trial.error]
        if tried and len(errors) == len(tried):
            raise EdgecnnError(f"All {len(tried)} trials failed. The first: {errors[0]}")

    def _may_try(self, tried: Mapping[str, Trial]) -> bool:
        budget = self.task.settings.effort.budget
        return budget is None or self.spent_s() < TRIAL_SHARE * 60 * budget

    def finalists(self, executor: Executor, chosen: Sequence[Candidate]) -> dict[str, Finalist]:
        """Of each candidate, by key, as far as the time limit goes."""
        done: dict[str, Finalist] = {}
        for start in range(0, len(chosen), executor.slots):
            if not self.has_time():
                break
            group = chosen[start : start + executor.slots]
            done.update(self._made(executor, group, f"Training finalists, {len(chosen)} in all"))
        return done

    def _made(self, executor: Executor, group: Sequence[Candidate], stage: str) -> dict[str, Finalist]:
        seed = self.task.settings.effort.seed
        payloads = {
            f"finalists/{each.key}/finalist.json": {
                "folder": str((self.journal.folder / "finalists" / each.key).absolute()),
                "recipe": toml(recipe_of(each, self.task.template, seed)),
            }
            for each in group
        }
        failed = lambda error: Finalist(error=str(error))  # noqa: E731

        def read(name: str, values: dict[str, Any]) -> Finalist:
            return finalists_of.keep((self.journal.folder / name).parent, values)

        found = self._each(executor, finalists_of.make, payloads, Finalist, failed, lambda done: stage, read)
        return dict(zip([each.key for each in group], found.values()))

    def has_time(self) -> bool:
        """Whether the time limit allows for another step."""
        budget = self.task.settings.effort.budget
        return budget is None or self.spent_s() < 60 * budget

    def spent_s(self) -> float:
        """What the finished steps took, those of workers side by side."""
        return self._seconds(("estimates/*.json", "trials/*/*.json")) / self.slots + self._seconds(
            ("finalists/*/finalist.json", "finalists/*/measured.json")
        )

    def _seconds(self, patterns: Iterable[str]) -> float:
        from edgecnn.core.files import read_json

        paths = [path for pattern in patterns for path in sorted(self.journal.folder.glob(pattern))]
        return sum(float((read_json(path) or {}).get("wall_s", 0.0)) for path in paths)

    def _each(
        self,
        executor: Executor,
        job: Job,
        payloads: Mapping[str, Mapping[str, Any]],
        kind: type[R],
        failed: Callable[[EdgecnnError], R],
        stage: Callable[[Mapping[str, R]], str],
        read: Callable[[str, dict[str, Any]], R] | None = None,
    ) -> dict[str, R]:
        """The record of each payload, in their order: from the folder, or by running the job and writing it there.

        What raised an error is not written: it may succeed when the search goes on.
        """
        done = {name: record for name in payloads if (record := self.journal.read(name, kind)) is not None}
        left = [name for name in payloads if name not in done]
        self.progress(stage(done), len(done), len(payloads))
        for position, result in run(executor, job, [payloads[name] for name in left]):
            name = left[position]
            if isinstance(result, EdgecnnError):
                done[name] = failed(result)
            else:
                done[name] = read(name, result) if read else kind.from_dict(result)
                self.journal.write(name, done[name])
            self.progress(stage(done), len(done), len(payloads))
        return {name: done[name] for name in payloads}


def points(tried: Mapping[str, Trial], latencies_ms: Mapping[str, float]) -> dict[str, Point]:
    """Latency and accuracy of those that did not fail."""
    return {
        key: Point(latencies_ms[key], trial.accuracy.percent)
        for key, trial in tried.items()
        if trial.accuracy is not None
    }


def _so_far(known: Mapping[str, Point]) -> str:
    """The front, for a person who waits."""
    if not known:
        return ""
    values = list(known.values())
    ends = [values[row] for row in front(values)]
    first, last = ends[0], ends[-1]
    if len(ends) == 1:
        return f"; so far {first.accuracy:.0f} % at {first.latency_ms:.3g} ms (estimated)"
    return (
        f"; front so far: {len(ends)} models, {first.accuracy:.0f} % at {first.latency_ms:.3g} ms to "
        f"{last.accuracy:.0f} % at {last.latency_ms:.3g} ms (estimated)"
    )

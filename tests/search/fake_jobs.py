"""Jobs of a search that compute nothing: figures are formulas of the candidate. They run anywhere, in microseconds."""

from __future__ import annotations

import base64
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgecnn.core.statistics import share
from edgecnn.estimation.law import Law, Laws
from edgecnn.parallel.executor import Job
from edgecnn.searching.candidate import Candidate
from edgecnn.searching.record import Finalist, Measured, Network, Trial

ARCHITECTURES, WIDTHS, SIZES = (
    ("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small"),
    (0.25, 0.5, 1.0),
    (32, 48, 64, 96),
)
IMAGES = 1000
SKILL = {"mobilenet_v1": 0.0, "mobilenet_v2": 6.0, "mobilenet_v3_small": 9.0}


def latency_ms(candidate: Candidate) -> float:
    return candidate.width * candidate.input_size**2 / 1000 * (1 + SKILL[candidate.architecture] / 20)


def right(candidate: Candidate, images: int) -> float:
    """Accuracy in percent: more with width, size and images, and never past 99."""
    gain = 20 * candidate.width**0.5 + 4 * candidate.input_size**0.5 + SKILL[candidate.architecture]
    return min(99.0, gain + 12 * (images / IMAGES) ** 0.5)


def appraise(payload: Mapping[str, Any]) -> dict[str, Any]:
    candidate = Candidate.from_dict(payload["candidate"])
    sizes = {"int8": int(1e6 * candidate.width), "float32": int(4e6 * candidate.width)}
    refusal = "SOFTMAX: not here" if candidate.architecture == "mobilenet_v3_small" else ""
    return Network(sizes, {"work": latency_ms(candidate) * 1e6}, refusal, wall_s=1.0).to_dict()


def try_out(payload: Mapping[str, Any]) -> dict[str, Any]:
    candidate, images = Candidate.from_dict(payload["candidate"]), payload["images"]
    percent = right(candidate, images)
    return Trial(images, share(round(percent * 10), 1000), "top1", 6.0, images / 1000).to_dict()


def make(payload: Mapping[str, Any]) -> dict[str, Any]:
    from edgecnn.core.files import parse_toml

    recipe = parse_toml(payload["recipe"])
    model = recipe["model"]
    candidate = Candidate(
        model["name"], model["width"], model["input_size"], scheme=recipe["quantize"]["scheme"], weights="none"
    )
    found = Finalist(
        "0" * 64, int(1e6 * candidate.width), share(round(10 * right(candidate, IMAGES)), 1000), "top1", 30.0
    )
    return {**found.to_dict(), "files": {"model.tflite": base64.b64encode(b"artifact").decode()}}


def measured_by(factor: float) -> Any:
    """Stands for `finalist.measure`: `factor` times what the law says."""

    def measure(folder: Path, device: Any, threads: int) -> Measured:
        name, width, size, _ = folder.name.split("-")
        ms = factor * latency_ms(Candidate(name, float(width[1:]), int(size)))
        return Measured(ms, (0.99 * ms, 1.01 * ms), "measured", 3.0)

    return measure


def lose_worker_once(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Kills its own worker the first time that it sees this payload's file."""
    marker = Path(payload["marker"])
    if payload["kills"] and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"number": payload["number"], "threads": os.environ.get("TF_NUM_INTRAOP_THREADS")}


def always_lose_worker(payload: Mapping[str, Any]) -> dict[str, Any]:
    if payload["kills"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"number": payload["number"]}


def slow(payload: Mapping[str, Any]) -> dict[str, Any]:
    time.sleep(payload["seconds"])
    return {"number": payload["number"], "pid": os.getpid()}


def laws(spread: float = 0.2) -> Laws:
    """A device whose latency is the amount `work`, in nanoseconds."""
    law = Law(0.0, {"work": 1.0}, {"work": 1e12}, 1e-3, 1e6, spread, 10)
    return Laws("local", "some processor", "some runtime", "cpu", 1, "by a test", {"int8": law, "float32": law})


class Inline:
    """Runs jobs in this process; the last one started ends first, so that nothing may depend on the order.

    Args:
        stop_after: jobs after which the search is stopped, as by kill -9; None for never.
    """

    done = 0

    def __init__(self, slots: int, stop_after: int | None = None) -> None:
        self.slots, self._stop_after = slots, stop_after
        self._handles = 0
        self._jobs: dict[int, tuple[Job, Mapping[str, Any]]] = {}

    def submit(self, job: Job, payload: Mapping[str, Any]) -> int:
        self._handles += 1
        self._jobs[self._handles] = (job, payload)
        return self._handles

    def wait(self, handles: Sequence[int]) -> int:
        return max(handles)

    def result(self, handle: int) -> dict[str, Any]:
        if self._stop_after is not None and Inline.done >= self._stop_after:
            raise KilledError
        Inline.done += 1
        job, payload = self._jobs.pop(handle)
        return job(payload)

    def close(self) -> None: ...


class KilledError(BaseException):
    """In place of kill -9."""

"""Frame rate, latency and the stage budget, in memory that doesn't grow."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

STAGES = ("capture", "resize", "wait", "invoke", "postprocess")
_KEPT = 4096  # answers of which percentiles are told
_RECENT = 30  # answers that the live figures are about
HISTORY_S = 60


class Meter:
    """Figures over the latest answers. Written by one thread, read by any."""

    def __init__(self) -> None:
        self.count = 0
        self.invoke_s = 0.0  # what an invoke takes: a running mean
        self._lock = threading.Lock()
        self._times = np.zeros(_KEPT)
        self._values = np.zeros((_KEPT, 1 + len(STAGES)), np.float32)
        self._history: dict[int, dict[str, Any]] = {}
        self._start = time.monotonic()

    def add(self, at: float, latency_ms: float, stages_ms: dict[str, float]) -> None:
        """Note one answer, given at `at` (monotonic seconds)."""
        with self._lock:
            row = self.count % _KEPT
            self._times[row] = at
            self._values[row] = (latency_ms, *(stages_ms[stage] for stage in STAGES))
            self.count += 1
            self.invoke_s += (stages_ms["invoke"] / 1e3 - self.invoke_s) / min(self.count, _RECENT)

    def remember(self, label: str, best: dict[str, Any]) -> None:
        """Put the best class, or "" for none, into the strip of the last minute: the surest answer of each second."""
        second = self.second()
        entry = {"second": second, "label": label, "index": best["index"], "probability": best["probability"]}
        with self._lock:
            known = self._history.get(second)
            if known is None or (bool(label), best["probability"] or 0) >= (
                bool(known["label"]),
                known["probability"] or 0,
            ):
                self._history[second] = entry
            self._history.pop(second - HISTORY_S - 1, None)

    def remember_objects(self, now: Mapping[str, int]) -> None:
        """Put objects in sight, by label, into the strip of the last minute: the most of each in that second."""
        second = self.second()
        with self._lock:
            known = self._history.setdefault(second, {"second": second, "now": {}})["now"]
            known.update({label: max(count, known.get(label, 0)) for label, count in now.items()})
            self._history.pop(second - HISTORY_S - 1, None)

    def history(self) -> list[dict[str, Any]]:
        """The seconds of the last minute that have an answer, oldest first."""
        first = self.second() - HISTORY_S
        with self._lock:
            return [entry for second, entry in sorted(self._history.items()) if second > first]

    def second(self) -> int:
        """Whole seconds since the start."""
        return int(time.monotonic() - self._start)

    def fps(self) -> float:
        """Answers per second over the last two seconds."""
        now = time.monotonic()
        times = self._latest(_KEPT)[0]
        recent = times[times > now - 2]
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 and recent[-1] > recent[0] else 0.0

    def stages_ms(self) -> dict[str, float]:
        """Mean of each stage over the latest answers: means, unlike medians, add up to the latency."""
        means = self._latest(_RECENT)[1].mean(axis=0) if self.count else np.zeros(1 + len(STAGES))
        return {stage: round(float(value), 3) for stage, value in zip(STAGES, means[1:])}

    def latency_ms(self) -> float:
        """Mean over the latest answers."""
        return round(float(self._latest(_RECENT)[1][:, 0].mean()), 2) if self.count else 0.0

    def summary(self) -> dict[str, Any]:
        """Percentiles over (at most the last 4,096) answers, and the frame rate over them."""
        times, values = self._latest(_KEPT)
        if len(times) < 2:
            return {"answers": self.count}
        percentiles = np.percentile(values[:, 0], (50, 95, 99))
        return {
            "answers": self.count,
            "fps": round((len(times) - 1) / (times[-1] - times[0]), 2),
            "latency_ms": {name: round(float(v), 3) for name, v in zip(("median", "p95", "p99"), percentiles)},
            "stages_median_ms": {
                stage: round(float(v), 3) for stage, v in zip(STAGES, np.median(values[:, 1:], axis=0))
            },
        }

    def _latest(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        with self._lock:
            kept = min(count, self.count, _KEPT)
            rows = np.arange(self.count - kept, self.count) % _KEPT
            return self._times[rows], self._values[rows]

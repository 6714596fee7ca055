"""Does it stay that fast? Inference after inference for minutes, with temperature, clock and throttling beside it."""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import numpy as np

from ..model.json_text import printable
from ..model.model_file import AnyFile
from . import system
from .latency import Plan, Progress, open_program, silent, test_tensors, timed_runs
from .others import Others

WINDOWS = 120
MIN_WINDOW_S = 0.5


def sustain(file: AnyFile, plan: Plan, seconds: float, progress: Progress = silent) -> dict[str, Any]:
    """Run without a pause for `seconds`.

    Returns:
        threads; windows in order: end_s (since the start), fps, median_ms, p95_ms, and what `system.conditions` says at
        their end; others and stolen of `Others.figures`.

    Raises:
        ModelFileError: the runtime refuses the model.
    """
    program = open_program(file, plan)
    tensors = test_tensors(file, program)
    program.run(tensors)
    timed_runs(program, tensors, plan.warmup, plan.budget_s)
    length_s = max(MIN_WINDOW_S, seconds / WINDOWS)
    windows: list[dict[str, Any]] = []
    others, stage = Others(), f"Running {file.name} without a pause, seconds"
    start = told = time.monotonic()
    while (begin := time.monotonic()) - start < seconds:
        progress(stage, int(begin - start), int(seconds))
        samples: list[float] = []
        while (now := time.monotonic()) - begin < length_s:
            samples += timed_runs(program, tensors, 1)
        windows.append(_window(samples, now - start, now - begin))
        if now - told > max(5.0, seconds / 20):
            told = now
            _tell(windows[-1], seconds)
    progress(stage, int(seconds), int(seconds))
    return {"threads": program.threads, "windows": windows, **others.figures()}


def _window(samples: list[float], end_s: float, length_s: float) -> dict[str, Any]:
    return {
        "end_s": round(end_s, 2),
        "fps": round(len(samples) / length_s, 3),
        "median_ms": round(statistics.median(samples), 4),
        "p95_ms": round(float(np.percentile(samples, 95)), 4),
        **system.conditions(),
    }


def _tell(window: dict[str, Any], seconds: float) -> None:
    heat = f", {window['temperature_c']:.0f} °C" if window["temperature_c"] is not None else ""
    throttled = f", {', '.join(window['throttled_now'])}" if window["throttled_now"] else ""
    text = f"note: {window['end_s']:.0f} of {seconds:.0f} s: {window['fps']:.1f} fps{heat}{throttled}"
    print(printable(text), file=sys.stderr, flush=True)

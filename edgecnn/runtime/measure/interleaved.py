"""Two models in interleaved runs, so that whatever happens to the machine happens to both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..model.model_file import AnyFile
from ..run.program import Program
from .latency import Plan, Progress, open_program, silent, test_tensors, timed_runs
from .others import Others, has_processor_clock, preemptions

BLOCK = 5  # inferences before the other model's turn; the first of them refills the caches and isn't counted
MIN_ROUNDS = 20


def compare(first: AnyFile, second: AnyFile, plan: Plan, progress: Progress = silent) -> dict[str, Any]:
    """Time two models block by block in the order A B, B A, A B, ... which cancels a steady drift.

    On one thread and without a delegate that is processor time, which other programs don't stretch. Otherwise it is
    wall time, and rounds in which the system took the processor away are not counted: the slower model would be hit
    more often. Where too few are left, all are.

    Returns:
        threads; rounds: each (median ms of A's block, median ms of B's block); clock ("processor" or "wall"); disturbed
        (share of the rounds in which the processor was taken away); others and stolen of `Others.figures`.

    Raises:
        ModelFileError: the runtime refuses one of them.
    """
    programs = [open_program(file, plan) for file in (first, second)]
    tensors = [test_tensors(file, program) for file, program in zip((first, second), programs)]
    for program, given in zip(programs, tensors):
        program.run(given)
        timed_runs(program, given, plan.warmup, plan.budget_s / 4)
    by_processor = all(has_processor_clock(program, plan) for program in programs)
    clock = time.thread_time_ns if by_processor else time.perf_counter_ns
    others = Others()
    rounds, disturbed = _take_turns((first.name, second.name), programs, tensors, plan, clock, progress)
    disturbed = [seized and not by_processor for seized in disturbed]
    calm = [each for each, seized in zip(rounds, disturbed) if not seized]
    return {
        "threads": programs[0].threads,
        "rounds": calm if len(calm) >= MIN_ROUNDS // 2 else rounds,
        "clock": "processor" if by_processor else "wall",
        "disturbed": round(sum(disturbed) / len(disturbed), 3),
        **others.figures(),
    }


def _take_turns(
    names: Sequence[str],
    programs: Sequence[Program],
    tensors: Sequence[tuple[np.ndarray, ...]],
    plan: Plan,
    clock: Callable[[], int],
    progress: Progress,
) -> tuple[list[tuple[float, float]], list[bool]]:
    """Milliseconds of both in each round, and whether the system took the processor away meanwhile."""
    stage = f"Comparing {' and '.join(names)}"
    rounds: list[tuple[float, float]] = []
    disturbed: list[bool] = []
    deadline, count = time.monotonic() + plan.budget_s, max(MIN_ROUNDS, plan.runs // BLOCK)
    for turn in range(count):
        progress(stage, turn, count)
        medians, before = [0.0, 0.0], preemptions()
        for which in (0, 1) if turn % 2 == 0 else (1, 0):
            medians[which] = statistics.median(timed_runs(programs[which], tensors[which], BLOCK + 1, clock=clock)[1:])
        rounds.append((round(medians[0], 5), round(medians[1], 5)))
        disturbed.append(preemptions() > before)
        if time.monotonic() > deadline and len(rounds) >= MIN_ROUNDS // 2:
            break
    progress(stage, count, count)
    return rounds, disturbed

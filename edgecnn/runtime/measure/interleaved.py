"""Two models in interleaved runs, so that whatever happens to the machine happens to both."""

from __future__ import annotations

import statistics
import time
from typing import Any

from ..model.model_file import AnyFile
from .latency import Plan, open_program, test_tensors, timed_runs
from .others import Others, has_processor_clock, preemptions

BLOCK = 5  # inferences before the other model's turn; the first of them refills the caches and isn't counted
MIN_ROUNDS = 20


def compare(first: AnyFile, second: AnyFile, plan: Plan) -> dict[str, Any]:
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
    rounds: list[tuple[float, float]] = []
    disturbed: list[bool] = []
    others = Others()
    deadline = time.monotonic() + plan.budget_s
    for turn in range(max(MIN_ROUNDS, plan.runs // BLOCK)):
        medians, before = [0.0, 0.0], preemptions()
        for which in (0, 1) if turn % 2 == 0 else (1, 0):
            medians[which] = statistics.median(timed_runs(programs[which], tensors[which], BLOCK + 1, clock=clock)[1:])
        rounds.append((round(medians[0], 5), round(medians[1], 5)))
        disturbed.append(not by_processor and preemptions() > before)
        if time.monotonic() > deadline and len(rounds) >= MIN_ROUNDS // 2:
            break
    calm = [each for each, seized in zip(rounds, disturbed) if not seized]
    return {
        "threads": programs[0].threads,
        "rounds": calm if len(calm) >= MIN_ROUNDS // 2 else rounds,
        "clock": "processor" if by_processor else "wall",
        "disturbed": round(sum(disturbed) / len(disturbed), 3),
        **others.figures(),
    }

"""Two models in interleaved runs, so that whatever happens to the machine happens to both."""

from __future__ import annotations

import statistics
import time
from typing import Any

from ..model.model_file import AnyFile
from .latency import Plan, open_program, test_tensors, timed_runs

BLOCK = 5  # inferences before the other model's turn; the first of them refills the caches and isn't counted
MIN_ROUNDS = 20


def compare(first: AnyFile, second: AnyFile, plan: Plan) -> dict[str, Any]:
    """Time two models block by block in the order A B, B A, A B, ... which cancels a steady drift.

    Returns:
        threads, and rounds: each (median ms of A's block, median ms of B's block).

    Raises:
        ModelFileError: the runtime refuses one of them.
    """
    programs = [open_program(file, plan) for file in (first, second)]
    tensors = [test_tensors(file, program) for file, program in zip((first, second), programs)]
    for program, given in zip(programs, tensors):
        program.run(given)
        timed_runs(program, given, plan.warmup, plan.budget_s / 4)
    rounds: list[tuple[float, float]] = []
    deadline = time.monotonic() + plan.budget_s
    for turn in range(max(MIN_ROUNDS, plan.runs // BLOCK)):
        medians = [0.0, 0.0]
        for which in (0, 1) if turn % 2 == 0 else (1, 0):
            medians[which] = statistics.median(timed_runs(programs[which], tensors[which], BLOCK + 1)[1:])
        rounds.append((round(medians[0], 5), round(medians[1], 5)))
        if time.monotonic() > deadline and len(rounds) >= MIN_ROUNDS // 2:
            break
    return {"threads": programs[0].threads, "rounds": rounds}

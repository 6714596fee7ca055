"""The device's side of every command: `python -m edgecnn.runtime JOB --model FILE ...` prints exactly one JSON.

On a board the same folder runs as a zipapp. An error is `{"error": {"kind": ..., "message": ...}}` and exit status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

Job = Callable[[argparse.Namespace], Any]


def main(arguments: list[str] | None = None) -> int:
    """Run one job; returns the exit status."""
    # Nothing here multiplies matrices in NumPy, and jobs fork: threads of NumPy's own would cost memory, and a fork
    # beside other threads is the one thing that can hang an emulated board.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    options = _parser().parse_args(arguments)
    if options.job == "batch":
        from .process import batch

        return int(batch.serve(options))
    from .process.supervise import supervised

    return supervised(lambda: JOBS[options.job](options), options.watch)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edgecnn.runtime", description=__doc__)
    parser.add_argument("job", choices=sorted([*JOBS, "batch"]))
    parser.add_argument("--model", action="append", default=[], help="a .tflite file; twice for `compare`")
    parser.add_argument("--name", action="append", default=[], help="name of each model in messages")
    parser.add_argument("--delegate", default="cpu")
    parser.add_argument(
        "--threads",
        type=_numbers,
        default=[None],
        help="number of threads; several, e.g. 1,2,4, give one measurement each",
    )
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--budget", type=float, default=60.0, help="time limit of the runs, in seconds")
    parser.add_argument("--seconds", type=float, default=60.0, help="duration of the job `sustained`, in seconds")
    parser.add_argument(
        "--wait", type=float, default=600.0, help="longest wait for another measurement to end, in seconds"
    )
    parser.add_argument(
        "--watch", type=float, help="end when standard input closes or sends nothing for SECONDS (0: never)"
    )
    parser.add_argument("--options", type=json.loads, default={}, help="more options of a job, as JSON")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _info(options: argparse.Namespace) -> Any:
    from .measure import system

    return {"system": system.describe(), "conditions": system.conditions()}


def _check(options: argparse.Namespace) -> Any:
    from .process import inventory

    return inventory.take()


def _install(options: argparse.Namespace) -> Any:
    from .process.install import install

    return install(**options.options)


def _measuring(name: str) -> Job:
    """The job of that name in `jobs`, imported when it is called."""
    return lambda options: getattr(_jobs(options), name)(options)


def _jobs(options: argparse.Namespace) -> Any:
    """Import what measuring needs (NumPy and the TFLite runtime), and how long that takes."""
    start = time.perf_counter()
    from .process import jobs
    from .run.interpreter import interpreter_module

    interpreter_module()
    options.import_ms = round((time.perf_counter() - start) * 1000, 1)
    return jobs


JOBS: dict[str, Job] = {
    "check": _check,
    "info": _info,
    "install": _install,
    **{name: _measuring(name) for name in ("compare", "measure", "per_op", "sustained")},
}


if __name__ == "__main__":
    sys.exit(main())

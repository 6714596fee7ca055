"""Whole-process times of the light commands beside the bare interpreter, in turns.

.venv/bin/python tests/benchmarks/start_up.py MODEL.tflite PICTURE [--rounds 20]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time


def timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("picture")
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    edgecnn = [sys.executable, "-m", "edgecnn"]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "edgecnn --help": [*edgecnn, "--help"],
        "edgecnn models": [*edgecnn, "models"],
        "edgecnn classify": [*edgecnn, "classify", arguments.model, arguments.picture],
        "edgecnn inspect": [*edgecnn, "inspect", arguments.model],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(arguments.rounds + 1):
        for name, command in commands.items():
            seconds[name].append(timed(command))
    bare = statistics.median(seconds["python -c pass"][1:])
    for name, values in seconds.items():
        median = statistics.median(values[1:])
        print(f"{name:20} median {median:.3f} s  min {min(values):.3f}  over the bare interpreter {median - bare:+.3f}")


main()

"""Which XNNPACK kernels run a float model, and its emulated time beside another's, on the aarch64 stand-in.

    python tests/benchmarks/sparse_kernels.py DENSE.tflite SPARSE.tflite

The stand-in is QEMU with a Cortex-A76: kernels and answers are those of a Raspberry Pi 5, times are not.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS, TURNS = 5, 3


def main(paths: list[str]) -> None:
    """Both models on the stand-in, in turns."""
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
    import fake_pi

    from edgecnn.core.compat import litert_profiler

    with tempfile.TemporaryDirectory() as folder:
        board = fake_pi.FakePi("cortex-a76", Path(folder), "stand-in")
        board.build()
        python = Path(folder) / "bin" / "python3"
        best: dict[str, float] = {}
        for turn in range(TURNS):
            for path in paths:
                command = [str(python), litert_profiler.__file__, str(Path(path).resolve()), str(RUNS)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                told = json.loads(done.stdout.splitlines()[-1])
                best[path] = min(best.get(path, float("inf")), told["ms"])
                if turn == 0:
                    print(f"{path}: {', '.join(f'{name}: {n}' for name, n in told['kernels'].items())}", flush=True)
    for path, value in best.items():
        print(f"{path}: {value:.0f} ms, emulated (x {value / best[paths[0]]:.2f})")


if __name__ == "__main__":
    main(sys.argv[1:])

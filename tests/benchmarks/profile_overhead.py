"""How far `edgecnn profile` is from its peers, printed side by side; not a test.

    python tests/benchmarks/profile_overhead.py MODEL.tflite [--threads N] [--rounds N]

1. Its median against a bare loop of set_tensor, invoke, get_tensor: inference by inference in one process, then each in
   a process of its own, in turns.
2. Against the median of `litert-benchmark`, the LiteRT wheel's own, in turns.
3. What a second call over ssh on loopback costs besides the runs, with this machine's own Python behind the ssh server
   (nothing emulated), and what of it is the connection.

Each round gives one ratio; the median over the rounds and its 95 % interval are what counts on a shared machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import fake_pi  # noqa: E402

from edgecnn.devices import known, open_device  # noqa: E402
from edgecnn.profiling import profile  # noqa: E402
from edgecnn.profiling.noise import median_interval  # noqa: E402
from edgecnn.runtime.measure import latency  # noqa: E402
from edgecnn.runtime.model import model_file  # noqa: E402
from edgecnn.runtime.run.engine import Engine  # noqa: E402
from edgecnn.runtime.run.interpreter import interpreter_module  # noqa: E402

# Written without edgecnn: what a person would type.
BARE = """
import sys, time, statistics, numpy as np
from ai_edge_litert.interpreter import Interpreter
path, threads, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
interpreter = Interpreter(path, num_threads=threads)
interpreter.allocate_tensors()
entry, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
tensor = (np.random.default_rng(0).random(entry["shape"]) * 255).astype(entry["dtype"])
times = []
for number in range(runs + 10):
    start = time.perf_counter()
    interpreter.set_tensor(entry["index"], tensor)
    interpreter.invoke()
    interpreter.get_tensor(result["index"])
    times.append((time.perf_counter() - start) * 1000)
print(statistics.median(times[10:]))
"""


def bare_ms(model: Path, threads: int, runs: int) -> float:
    done = subprocess.run([sys.executable, "-c", BARE, model, str(threads), str(runs)], capture_output=True, check=True)
    return float(done.stdout)


def litert_ms(model: Path, threads: int, runs: int) -> float:
    program = Path(sys.executable).with_name("litert-benchmark")
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        words = [f"--model={model}", f"--num_threads={threads}", f"--num_runs={runs}", "--warmup_runs=10"]
        subprocess.run([program, *words, f"--result_json={file.name}"], capture_output=True, check=True)
        return float(json.loads(Path(file.name).read_text())["latency"]["median_ms"])


def ours_ms(model: Path, threads: int, runs: int) -> float:
    return profile(model, threads=threads, runs=runs).best.measurement.latency_ms.median


def in_turns(name: str, peer: Callable[..., float], options: argparse.Namespace) -> None:
    ratios, ours, theirs = [], [], []
    for turn in range(options.rounds):
        pair = [ours_ms, peer] if turn % 2 == 0 else [peer, ours_ms]
        found = {function: function(options.model, options.threads, options.runs) for function in pair}
        ours.append(found[ours_ms])
        theirs.append(found[peer])
        ratios.append(found[ours_ms] / found[peer])
    low, high = median_interval(ratios)
    print(
        f"{name:22}  edgecnn {statistics.median(ours):8.4f} ms   peer {statistics.median(theirs):8.4f} ms   "
        f"ratio {statistics.median(ratios):.4f} (95 %: {low:.4f} to {high:.4f})   fastest / fastest "
        f"{min(ours) / min(theirs):.4f}"
    )


def in_one_process(options: argparse.Namespace) -> None:
    """The two loops inference by inference in one process, which a busy machine disturbs alike."""
    file = model_file.read(options.model)
    engine = Engine(file, options.threads)
    tensor = latency.test_tensor(engine)
    interpreter = interpreter_module().Interpreter(model_content=file.data, num_threads=options.threads)
    interpreter.allocate_tensors()
    entry, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def bare() -> float:
        start = time.perf_counter()
        interpreter.set_tensor(entry, tensor)
        interpreter.invoke()
        interpreter.get_tensor(result)
        return (time.perf_counter() - start) * 1000

    def ours() -> float:
        return latency.timed_runs(engine, tensor, 1)[0]

    ratios, times = [], {ours: [], bare: []}
    for turn in range(options.runs * 3):
        found = {function: function() for function in ((ours, bare) if turn % 2 == 0 else (bare, ours))}
        ratios.append(found[ours] / found[bare])
        for function, ms in found.items():
            times[function].append(ms)
    low, high = median_interval(ratios)
    print(
        f"{'bare loop, in turns':22}  edgecnn {statistics.median(times[ours]):8.4f} ms   peer "
        f"{statistics.median(times[bare]):8.4f} ms   ratio {statistics.median(ratios):.4f} "
        f"(95 %: {low:.4f} to {high:.4f})"
    )


def over_ssh(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder
        with fake_pi.running(Path(folder) / "board") as board:
            native = board.folder / "bin/python3"
            native.unlink()
            native.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
            native.chmod(0o755)
            known.add(known.Entry("loopback", board.target, str(board.ssh_config)))
            start = time.perf_counter()
            open_device("loopback").look()
            connect_ms = (time.perf_counter() - start) * 1000
            profile(options.model, "loopback", runs=5)
            overheads, looks = [], []
            for _ in range(5):
                start = time.perf_counter()
                with open_device("loopback") as device:
                    device.look()
                    looks.append((time.perf_counter() - start) * 1000)
                    start = time.perf_counter()
                    found = profile(options.model, device, runs=options.runs, threads=options.threads)
                total_ms = (time.perf_counter() - start) * 1000
                row = found.best.measurement
                overheads.append(total_ms - sum(row.samples_ms) - row.init_ms - row.latency_ms.first)
            print(f"ssh on loopback: first connection {connect_ms:.0f} ms, kept one {statistics.median(looks):.0f} ms")
            print(
                f"second call besides its runs {statistics.median(overheads):.0f} ms (slowest of 5: "
                f"{max(overheads):.0f}), of which importing NumPy and LiteRT {found.import_ms:.0f} ms"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    print(f"{options.model.name}, {options.threads} threads, {options.runs} runs, load {os.getloadavg()[0]:.1f}")
    in_one_process(options)
    in_turns("bare loop", bare_ms, options)
    in_turns("litert-benchmark", litert_ms, options)
    over_ssh(options)


if __name__ == "__main__":
    main()

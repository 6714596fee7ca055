"""Per-operator times against two things that know nothing of them: the whole model, and the model cut short.

    python tests/benchmarks/per_op.py MODEL.tflite... [--threads N] [--runs N] [--cuts N]

The model cut short after operator k takes as long as operators 0 to k together; so the operators' times, added up, must
follow the times of the shortened models. Both are medians of turns. Exit status 1 when a sum is more than 10 % off
the whole model (the bar), or the curve is more than 10 % of the whole off at a cut.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgecnn import artifact
from edgecnn.devices import open_device
from edgecnn.profiling import per_op
from edgecnn.runtime.model import model_file

BAR = 0.10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--cuts", type=int, default=8)
    options = parser.parse_args()
    worst = 0.0
    for path in options.models:
        worst = max(worst, compare(path, options))
    print(f"worst {worst:.1%}, bar {BAR:.0%}")
    return int(worst > BAR)


def compare(path: str, options: argparse.Namespace) -> float:
    """Print one model's comparison; returns the largest deviation, as a share of the whole model."""
    file = model_file.read(path)
    with open_device("local") as device:
        measured = per_op.measure(file, device, threads=options.threads, runs=options.runs)
    print(f"{file.name}, {options.threads} threads, {measured.rounds} turns, {measured.clock} time")
    print(f"  sum {measured.sum_ms:.3f} ms, whole {measured.whole_ms:.3f} ms: {measured.difference:+.1%}")
    count = len(file.model.graph.operators)
    cuts = sorted({round(step * (count - 1) / options.cuts) for step in range(1, options.cuts + 1)})
    shortened = prefix_times(artifact.graph_bytes(file), cuts, options)
    deviations = [abs(measured.difference)]
    for number, prefix_ms in zip(cuts, shortened):
        together = sum(row.latency_ms or 0.0 for row in measured.operators[: number + 1])
        deviations.append(abs(together - prefix_ms) / measured.whole_ms)
        print(
            f"  up to operator {number:3d} ({measured.operators[number].layer:28.28s}) "
            f"added up {together:8.3f} ms, cut short {prefix_ms:8.3f} ms, {deviations[-1]:.1%} of the whole apart"
        )
    return max(deviations)


def prefix_times(graph: bytes, cuts: list[int], options: argparse.Namespace) -> list[float]:
    """Median milliseconds of the model cut short after each of these operators, taking turns."""
    clock = time.thread_time_ns if options.threads == 1 else time.perf_counter_ns
    interpreters = [_open(_prefix(graph, number), options.threads) for number in cuts]
    samples: list[list[float]] = [[] for _ in cuts]
    for _ in range(options.runs):
        for interpreter, times in zip(interpreters, samples):
            interpreter.invoke()
            start = clock()
            interpreter.invoke()
            times.append((clock() - start) / 1e6)
    return [statistics.median(times) for times in samples]


def _prefix(graph: bytes, last: int) -> bytes:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(graph, 0))
    subgraph = model.subgraphs[0]
    subgraph.operators = subgraph.operators[: last + 1]
    subgraph.outputs = subgraph.operators[-1].outputs
    model.signatureDefs, model.metadata = [], []
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _open(content: bytes, threads: int) -> Interpreter:
    interpreter = Interpreter(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    (details,) = interpreter.get_input_details()
    draw = np.random.default_rng(0).random(details["shape"])
    is_float = np.dtype(details["dtype"]).kind == "f"
    interpreter.set_tensor(details["index"], (draw if is_float else draw * 100).astype(details["dtype"]))
    return interpreter


if __name__ == "__main__":
    sys.exit(main())

"""Where a model's time goes: every operator timed as a graph of its own, beside the whole model.

The host cuts the model into one file with a subgraph per operator (`edgecnn.graph.cut`); here they run in one
interpreter, so that they share threads and constants. What makes the times add up:

- The operators take turns, whole model included, so that a disturbance hits all of them alike and each operator's
  weights have left the nearest cache, as they have when the whole model comes around again.
- Just before an operator is timed, its inputs are written and its outputs read: its activations are in the cache, as
  they are when the operator before it has just computed them.
- Operators on one number, which compute next to nothing, take turns too. Their time is the cost of starting a graph,
  and is taken off every operator's; inside the whole model only one graph is started.

Runtimes before LiteRT give XNNPACK only to a file's first subgraph; there the operators come as a zip with a file each,
and each has an interpreter, and threads, of its own.

An operator's time is the median of its turns. On one thread and without a delegate it is processor time, which other
programs don't stretch. Otherwise it is wall time, and turns in which the system took the processor away are not
counted, neither for the operators nor for the whole: they would weigh more, the longer what they hit.
"""

from __future__ import annotations

import contextlib
import functools
import io
import statistics
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import compat
from ..delegates.loading import load, taken_operators
from ..errors import ModelFileError
from ..model.graph import Graph, Operator
from ..model.model_file import AnyFile
from ..run.interpreter import interpreter_module, open_interpreter, quiet
from ..run.program import Program
from .latency import Plan, Progress, open_program, silent, test_tensors, timed_runs
from .others import has_processor_clock, preemptions

OPERATOR_PREFIX = "op"
EMPTY_PREFIX = "empty"
# Convolutions that show what the machine reaches at best: signature -> number format.
PROBES = {"probe_float32": "float32", "probe_int8": "int8"}
PROBE_SIDE, PROBE_CHANNELS = 8, 512
PROBE_RUNS, PROBE_BUDGET_S = 10, 0.5
COPY_BYTES = 32 << 20
Clock = Callable[[], int]
MIN_ROUNDS = 10
_CONSTANT_KERNELS = "constant"


def needs_files() -> bool:
    """Whether this machine's runtime needs the operators in files of their own."""
    return "ai_edge_litert" not in interpreter_module().__name__


class _Subgraph:
    """One operator, ready to run.

    Args:
        interpreter: that it is a part of.
        name: of its signature.
        wake: whether it has threads of its own, which sleep between its turns.
    """

    def __init__(self, interpreter: Any, name: str, wake: bool) -> None:
        runner = interpreter.get_signature_runner(name)
        self._interpreter, self._wake = interpreter, wake
        self._number = compat.subgraph_of(runner)
        self._wrapper = compat.wrapper(interpreter)
        self._wrapper.AllocateTensors(self._number)
        self._inputs = [(int(entry["index"]), _values(entry)) for entry in runner.get_input_details().values()]
        self._outputs = [int(entry["index"]) for entry in runner.get_output_details().values()]
        for _ in range(2):  # kernels allocate at their first run
            self.run(time.perf_counter_ns)

    def run(self, clock: Clock) -> float:
        """Milliseconds of one run with warm activations."""
        for index in self._outputs:
            self._wrapper.GetTensor(index, self._number)
        for index, values in self._inputs:
            self._wrapper.SetTensor(index, values, self._number)
        invoke = self._wrapper.Invoke
        if self._wake:
            invoke(self._number)
        start = clock()
        invoke(self._number)
        return (clock() - start) / 1e6


def _open_parts(data: bytes, plan: Plan, threads: int) -> dict[str, _Subgraph]:
    """The subgraphs of a cut model, or of a zip of such models, by their signatures' names."""
    models = [data]
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            models = [archive.read(name) for name in archive.namelist()]
    parts: dict[str, _Subgraph] = {}
    with quiet():
        for content in models:
            parts.update(_parts_of(content, plan, threads, wake=len(models) > 1 and threads > 1))
    if not any(name.startswith(EMPTY_PREFIX) for name in parts):
        raise ModelFileError(
            "The TFLite runtime can't run the model's operators one at a time. Profile the model without --per-op."
        )
    return parts


def _parts_of(content: bytes, plan: Plan, threads: int, wake: bool) -> Iterator[tuple[str, _Subgraph]]:
    """Those of one model; an operator that can't run by itself (on a shape that another computes, ...) is left out."""
    with contextlib.suppress(RuntimeError, ValueError):
        interpreter = open_interpreter(content, threads, experimental_delegates=load(plan.delegate))
        for name in interpreter.get_signature_list():
            with contextlib.suppress(RuntimeError, ValueError):
                yield name, _Subgraph(interpreter, name, wake)


def measure(file: AnyFile, cut: bytes, plan: Plan, progress: Progress = silent) -> dict[str, Any]:
    """Time a model and each of its operators in interleaved runs.

    Args:
        file: the model.
        cut: the same, cut into subgraphs named `op0`, `op1`, ... and `empty0`, ...; a zip if `needs_files()`.
        plan: `runs` turns, but no more than fit into its budget.

    Returns:
        whole_ms, sum_ms, difference (sum / whole - 1), overhead_ms (taken off each operator), rounds (turns), clock
        ("processor" or "wall"), disturbed (share of the whole model's turns that are not counted), threads, delegate,
        probe (see `_probe`), and operators: index, ms, p95_ms, kernel ("XNNPACK", "built-in", "delegate", "constant"
        for what is computed once when the model is loaded, "unknown" where the runtime doesn't tell).

    Raises:
        ModelFileError: the runtime refuses the model or its parts.
    """
    program = open_program(file, plan)
    parts = _open_parts(cut, plan, program.threads)
    tell = functools.partial(progress, f"Timing operators of {file.name}")
    rounds, samples = _take_turns(program, test_tensors(file, program), parts, plan, tell)
    whole_ms = statistics.median(whole := samples.pop(""))
    overheads = [statistics.median(values) for name, values in samples.items() if name.startswith(EMPTY_PREFIX)]
    overhead_ms = statistics.median(overheads) if overheads else 0.0
    kernel = kernels(file, plan, program.threads)
    rows = [_row(operator, samples, overhead_ms, kernel) for operator in file.model.graph.operators]
    sum_ms = sum(row["ms"] or 0.0 for row in rows)
    return {
        "whole_ms": round(whole_ms, 5),
        "sum_ms": round(sum_ms, 5),
        "difference": round(sum_ms / whole_ms - 1, 4),
        "overhead_ms": round(overhead_ms, 5),
        "rounds": rounds,
        "clock": "processor" if has_processor_clock(program, plan) else "wall",
        "disturbed": round(1 - len(whole) / rounds, 3),
        "threads": program.threads,
        "delegate": plan.delegate,
        "operators": rows,
        "probe": _probe(parts),
    }


def _probe(parts: dict[str, _Subgraph]) -> dict[str, float]:
    """What the machine reaches at best with these threads: 10^9 MAC/s by number format, 10^9 bytes/s of copying."""
    macs = PROBE_SIDE**2 * PROBE_CHANNELS**2
    peaks = {}
    for name, kind in PROBES.items():
        best_ms = min(_repeated(functools.partial(parts[name].run, time.perf_counter_ns)))
        peaks[f"{kind}_gmacs"] = round(macs / best_ms / 1e6, 2)
    source, target = np.ones(COPY_BYTES, np.uint8), np.zeros(COPY_BYTES, np.uint8)

    def copy() -> float:
        start = time.perf_counter()
        np.copyto(target, source)
        return time.perf_counter() - start

    return {**peaks, "copy_gb_s": round(2 * COPY_BYTES / min(_repeated(copy)) / 1e9, 2)}


def _repeated(run: Callable[[], float]) -> list[float]:
    """Its results, several times; fewer on a slow machine."""
    deadline, results = time.monotonic() + PROBE_BUDGET_S, [run()]
    while len(results) < PROBE_RUNS and time.monotonic() < deadline:
        results.append(run())
    return results


def _take_turns(
    program: Program,
    tensors: tuple[np.ndarray, ...],
    parts: dict[str, _Subgraph],
    plan: Plan,
    tell: Callable[[int, int], None],
) -> tuple[int, dict[str, list[float]]]:
    """The number of turns, and the milliseconds of those that count by subgraph ("": the whole model)."""
    clock, counts_all = time.perf_counter_ns, has_processor_clock(program, plan)
    if counts_all:
        clock = time.thread_time_ns
    runs = {name: part.run for name, part in parts.items() if name not in PROBES}
    runs[""] = functools.partial(_run_whole, program, tensors)
    samples: dict[str, list[tuple[bool, float]]] = {name: [] for name in runs}
    program.run(tensors)
    timed_runs(program, tensors, plan.warmup, plan.budget_s / 4)
    deadline = time.monotonic() + plan.budget_s
    count = max(plan.runs, MIN_ROUNDS)
    for turn in range(count):
        tell(turn, count)
        for name, run in runs.items():
            before = preemptions()
            ms = run(clock)
            samples[name].append((not counts_all and preemptions() > before, ms))
        if turn + 1 >= MIN_ROUNDS and time.monotonic() > deadline:
            break
    tell(count, count)
    return turn + 1, {name: _undisturbed(values) for name, values in samples.items()}


def _run_whole(program: Program, tensors: tuple[np.ndarray, ...], clock: Clock) -> float:
    """Milliseconds of one inference in a row of them, as `measure.timed_runs` has it; one before it makes it a row."""
    program.interpreter.invoke()
    start = clock()
    program.feed(tensors)
    program.interpreter.invoke()
    program.fetch()
    return (clock() - start) / 1e6


def _undisturbed(samples: list[tuple[bool, float]]) -> list[float]:
    """Without the disturbed ones; on a machine so busy that too few remain, the fastest quarter of all."""
    clean = [ms for disturbed, ms in samples if not disturbed]
    if len(clean) >= MIN_ROUNDS // 2:
        return clean
    return sorted(ms for _, ms in samples)[: max(1, len(samples) // 4)]


def _row(operator: Operator, samples: dict[str, list[float]], overhead_ms: float, kernel: list[str]) -> dict[str, Any]:
    values = samples.get(f"{OPERATOR_PREFIX}{operator.index}")
    if values is None:
        ms = 0.0 if kernel[operator.index] == _CONSTANT_KERNELS else None
        return {"index": operator.index, "ms": ms, "p95_ms": None, "kernel": kernel[operator.index]}
    p95_ms = float(np.percentile(values, 95)) - overhead_ms
    return {
        "index": operator.index,
        "ms": round(max(0.0, statistics.median(values) - overhead_ms), 6),
        "p95_ms": round(max(0.0, p95_ms), 6),
        "kernel": kernel[operator.index],
    }


def kernels(file: AnyFile, plan: Plan, threads: int) -> list[str]:
    """Which kernels run each operator of the whole model, in order."""
    graph = file.model.graph
    constant = constant_operators(graph)
    try:
        by_delegate, all_taken = taken_operators(file, plan.delegate, threads)
    except (AttributeError, RuntimeError, ValueError):  # the runtime's graph listing is private to it
        return ["unknown"] * len(graph.operators)
    names = []
    for index in range(len(graph.operators)):
        kind = "delegate" if index in by_delegate else "XNNPACK" if index in all_taken else "built-in"
        names.append(_CONSTANT_KERNELS if index in constant else kind)
    return names


def constant_operators(graph: Graph) -> set[int]:
    """The numbers of the operators that only read constants, or what such operators compute: they run at loading."""
    known = {-1, *(tensor.index for tensor in graph.tensors if tensor.is_constant)}
    found = set()
    for operator in graph.operators:
        if operator.inputs and known.issuperset(operator.inputs):
            found.add(operator.index)
            known.update(operator.outputs)
    return found


def _values(entry: dict[str, Any]) -> np.ndarray:
    """Test values for an operator's input; zeros where they may be positions."""
    shape, dtype = entry["shape"], np.dtype(entry["dtype"])
    draw = np.random.default_rng(0).random(tuple(shape))
    if dtype.kind == "f":
        return draw.astype(dtype)
    if dtype.itemsize > 2 or dtype.kind == "b":
        return np.zeros(shape, dtype)
    return (draw * 100).astype(dtype)

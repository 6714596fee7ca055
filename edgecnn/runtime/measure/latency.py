"""How long a model takes on this machine: one measuring path for the host's own processor and for every board."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Optional

import numpy as np

from ..delegates.loading import load, taken_operators
from ..model.model_file import AnyFile, ModelFile
from ..model.validation import Length, Range, Record
from ..portable import usage as machine
from ..run import golden
from ..run.engine import Engine, Interface
from ..run.interpreter import without_xnnpack
from ..run.preprocess import apply_table, input_table
from ..run.program import Program, TensorInfo
from . import system
from .samples import MAX_SAMPLES, summary, thinned
from .usage import Usage

MIN_RUNS = 5


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        delegate: what `runtime.delegate.load` takes.
        threads: processor threads; None takes `interpreter.default_threads()`.
        runs: measured inferences.
        warmup: inferences before them.
        budget_s: seconds after which the runs end early (but not before `MIN_RUNS`).
    """

    delegate: str = "cpu"
    threads: int | None = None
    runs: int = 100
    warmup: int = 10
    budget_s: float = 60.0


Progress = Callable[[str, int, int], None]  # (what is being done, how many are done, how many there are)


def silent(stage: str, done: int, total: int) -> None:
    """No progress."""


Milliseconds = Annotated[float, Range(0, 1e9)]


@dataclass(frozen=True)
class Latencies(Record):
    """Milliseconds of one inference: the first one, and statistics of those that were measured after warming up."""

    first: Milliseconds
    min: Milliseconds
    median: Milliseconds
    mean: Milliseconds
    p90: Milliseconds
    p95: Milliseconds
    p99: Milliseconds
    max: Milliseconds
    std: Milliseconds


@dataclass(frozen=True)
class Measurement(Record):
    """One model with one number of threads, in a process of its own.

    Attributes:
        warmup_runs: inferences before those that count; fewer than asked for where they took too long.
        read_ms: reading the file, which the system may have in its cache, checking its digest and parsing it.
        init_ms: making the interpreter and allocating its tensors.
        warm_start_ms: the same again plus one inference, when the library and the model's pages are in memory.
        latency_ms: of one `set_tensor, invoke, get_tensor`.
        samples_ms: the measured inferences in order; at most `MAX_SAMPLES`, evenly thinned.
        throughput_fps: inferences a second, one after another.
        peak_rss_bytes: of the whole process, Python and NumPy included; in a browser of the memory of WebAssembly.
        model_rss_bytes: what the process grew by from before the file was read to after the runs.
        cpu_share: processor time / (time * threads): 1 when the threads had the processors to themselves and used them;
            None where the processor time is not known.
        preemptions: how often the system took the processor away during the runs; None where it doesn't count.
        before: `system.conditions()` before the runs.
        after: and after them.
        delegated_operators: how many of the graph's operators the delegate took; None where that can't be told.
        not_finite: values of the first answer that are NaN or infinite.
        without_xnnpack: whether XNNPACK can't prepare the model, so that the runtime's own, slower kernels ran it.
    """

    delegate: str
    threads: int
    warmup_runs: int
    runs: int
    read_ms: Milliseconds
    init_ms: Milliseconds
    warm_start_ms: Milliseconds
    latency_ms: Latencies
    samples_ms: Annotated[list[Milliseconds], Length(MAX_SAMPLES, 1)]
    throughput_fps: Annotated[float, Range(0, 1e9)]
    peak_rss_bytes: int
    model_rss_bytes: int
    cpu_share: Optional[Annotated[float, Range(0, 1e9)]]  # noqa: UP045
    preemptions: Optional[int]  # noqa: UP045
    before: dict[str, Any]
    after: dict[str, Any]
    delegated_operators: int | None = None
    not_finite: Annotated[int, Range(0)] = 0
    without_xnnpack: bool = False


Measured = tuple[Measurement, Optional[golden.GoldenResult]]


def measure(read: Callable[[], AnyFile], plan: Plan, progress: Progress = silent) -> Measured:
    """Time a model, an image's on one of its golden images, then replay its golden vectors.

    Args:
        read: reads the model; what that costs is measured too.
        plan: what to measure.
        progress: told between two runs, never within one.

    Returns:
        The measurement, and the golden vectors replayed; None for a file that carries no vectors.

    Raises:
        ModelFileError: the file is damaged, or the runtime refuses it.
    """
    rss_before, start = machine.rss_bytes(), time.perf_counter()
    file = read()
    read_ms, start = _ms_since(start), time.perf_counter()
    program = open_program(file, plan)
    init_ms = _ms_since(start)
    tensors, before = test_tensors(file, program), system.conditions()
    answer, first_ms = _first(program, tensors)
    warmup = timed_runs(program, tensors, plan.warmup, plan.budget_s / 4)
    with Usage() as usage:
        samples = timed_runs(program, tensors, plan.runs, plan.budget_s, tell=_told(file.name, program, plan, progress))
    result = Measurement(
        after=system.conditions(),
        model_rss_bytes=machine.rss_bytes() - rss_before,
        **_speed(first_ms, samples),
        **usage.figures(program.threads),
        delegate=plan.delegate,
        threads=program.threads,
        warmup_runs=len(warmup),
        read_ms=round(read_ms, 3),
        init_ms=round(init_ms, 3),
        warm_start_ms=round(_warm_start_ms(file, plan, tensors), 3),
        before=before,
        delegated_operators=_delegated(file, plan),
        not_finite=_not_finite(answer),
        without_xnnpack=without_xnnpack(program.interpreter),
    )
    return result, _replayed(file, program)


def _first(program: Program, tensors: tuple[np.ndarray, ...]) -> tuple[list[np.ndarray], float]:
    start = time.perf_counter()
    return program.run(tensors), _ms_since(start)


def _replayed(file: AnyFile, program: Program) -> golden.GoldenResult | None:
    if not isinstance(file, ModelFile) or not file.contract.golden:
        return None
    engine = Engine(file, program=program)
    return golden.replay(engine, engine.run)


def _not_finite(answer: Sequence[np.ndarray]) -> int:
    numbers = (values for values in answer if values.dtype.kind in "fc")
    return sum(int(np.count_nonzero(~np.isfinite(values))) for values in numbers)


def _told(name: str, program: Program, plan: Plan, progress: Progress) -> Callable[[int], None]:
    """Progress of the runs that are measured."""
    stage = f"Measuring {name}, {program.threads} thread{'s'[: program.threads - 1]}"
    progress(stage, 0, plan.runs)
    return lambda done: progress(stage, done, plan.runs)


def _speed(first_ms: float, samples: list[float]) -> dict[str, Any]:
    return {
        "runs": len(samples),
        "latency_ms": Latencies(round(first_ms, 4), **summary(samples)),
        "samples_ms": [round(value, 4) for value in thinned(samples)],
        "throughput_fps": round(1000 * len(samples) / sum(samples), 3),
    }


def open_program(file: AnyFile, plan: Plan) -> Program:
    """Any model, ready to run with the plan's delegate and threads."""
    return Program(file, plan.threads, load(plan.delegate, file.model))


def open_engine(file: ModelFile, plan: Plan) -> Engine:
    """The same behind its contract."""
    return Engine(file, plan.threads, load(plan.delegate, file.model))


def _delegated(file: AnyFile, plan: Plan) -> int | None:
    try:
        return None if plan.delegate == "cpu" else len(taken_operators(file, plan.delegate)[0])
    except AttributeError:  # the runtime's listing of its nodes is private to it
        return None


def test_tensor(engine: Interface) -> np.ndarray:
    """The input that is timed: a golden image, because zeros can be faster than what a camera sees."""
    height, width, channels = engine.input.shape[1:]
    return engine.tensor(golden.picture(golden.SEED, 2, (height, width, channels)))


def test_tensors(file: AnyFile, program: Program) -> tuple[np.ndarray, ...]:
    """The same of any model: random values where it takes no image, or one that nothing is known of."""
    return test_inputs(file, program.inputs)


def test_inputs(file: AnyFile, inputs: Sequence[TensorInfo]) -> tuple[np.ndarray, ...]:
    """The same, of a model that runs elsewhere and has these inputs."""
    first = inputs[0]
    if not isinstance(file, ModelFile) or first.shape != (1, *file.contract.preprocessing.shape):
        return tuple(info.test_values() for info in inputs)
    preprocessing = file.contract.preprocessing
    table = input_table(preprocessing, first.dtype, first.scale, first.zero_point)
    return (apply_table(golden.picture(golden.SEED, 2, preprocessing.shape), table),)


def timed_runs(
    program: Program | Engine,
    tensors: np.ndarray | Sequence[np.ndarray],
    runs: int,
    budget_s: float = 0.0,
    clock: Callable[[], int] = time.perf_counter_ns,
    tell: Callable[[int], None] = lambda done: None,
) -> list[float]:
    """Milliseconds of each `set_tensor, invoke, get_tensor`; with a budget, ends early when it is used up.

    Args:
        program: the model.
        tensors: its inputs.
        runs: how many.
        budget_s: on the same clock; 0 for none.
        clock: in nanoseconds.
        tell: told between two runs how many are done.
    """
    interpreter, samples = program.interpreter, []
    given = (tensors,) if isinstance(tensors, np.ndarray) else tensors
    sources = [(info.index, tensor) for info, tensor in zip(program.inputs, given)]
    results = [info.index for info in program.outputs]
    deadline = clock() + int(budget_s * 1e9) if budget_s else None
    for _ in range(runs):
        start = clock()
        for index, tensor in sources:
            interpreter.set_tensor(index, tensor)
        interpreter.invoke()
        for index in results:
            interpreter.get_tensor(index)
        end = clock()
        samples.append((end - start) / 1e6)
        tell(len(samples))
        if deadline and end > deadline and len(samples) >= MIN_RUNS:
            break
    return samples


def _warm_start_ms(file: AnyFile, plan: Plan, tensors: tuple[np.ndarray, ...]) -> float:
    start = time.perf_counter()
    open_program(file, plan).run(tensors)
    return _ms_since(start)


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000

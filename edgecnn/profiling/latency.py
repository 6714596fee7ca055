"""Latency, memory and cold start of a model on a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Union

from edgecnn.core.errors import UsageError
from edgecnn.devices import Device, open_device
from edgecnn.profiling.noise import Verdict, judge, median_interval
from edgecnn.profiling.settings import ProfileSettings
from edgecnn.runtime.measure.latency import Measurement
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.model_file import AnyFile
from edgecnn.runtime.model.validation import Length, Record
from edgecnn.runtime.run.golden import GoldenResult

Threads = Union[int, Sequence[int], None]


@dataclass(frozen=True)
class ModelFacts(Record):
    """What is known of a model without running it.

    Attributes:
        macs: multiply-accumulates of one inference.
        arena_bytes_estimated: memory for activations by TFLite's own planner (greedy by size), computed from the graph;
            a delegate may lay them out in another way.
        operators: of its graph.
        input_shapes: of all inputs, as they were measured.
    """

    name: str
    size_bytes: int
    sha256: str
    macs: int
    arena_bytes_estimated: int
    operators: int
    input_shapes: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Row(Record):
    """One number of threads.

    Attributes:
        cold_start_ms: importing the runtime, reading the file, making the interpreter, and the first answer, each for
            the first time in its process.
        gmac_per_s: achieved, 10^9 multiply-accumulates a second at the median.
        median_interval_ms: 95 % confidence interval of the median.
        noise: whether the figures can be trusted.
    """

    INLINE = "measurement"

    measurement: Measurement
    cold_start_ms: float
    gmac_per_s: float
    median_interval_ms: tuple[float, float]
    noise: Verdict


@dataclass(frozen=True)
class Profile(Record):
    """One model on one device.

    Attributes:
        device: as it was asked for.
        emulated: whether the device is an emulator, whose times say nothing about a real board.
        system: `runtime.system.describe()` of the device.
        rows: one per number of threads.
        golden: the golden vectors replayed there (`runtime.golden.GoldenResult`), None if the file carries none.
    """

    model: ModelFacts
    device: str
    delegate: str
    emulated: bool
    system: dict[str, Any]
    import_ms: float
    rows: Annotated[tuple[Row, ...], Length(least=1)]
    golden: GoldenResult | None = None

    @property
    def best(self) -> Row:
        """The row with the lowest median."""
        return min(self.rows, key=lambda row: row.measurement.latency_ms.median)


def profile(
    model: str | Path | AnyFile,
    device: str | Device = "local",
    delegate: str = "cpu",
    threads: Threads = None,
    runs: int = 100,
    warmup: int = 10,
    budget_s: float = 60.0,
) -> Profile:
    """Measure a model on a device.

    Args:
        model: a `.tflite` file.
        device: "local", "browser", "phone", "adb", a name from devices.toml, `[ssh://][user@]host[:port]`, or an open
            device.
        delegate: "cpu", "edgetpu[:usb|:pci|:N]" or the path of a delegate's library on the device.
        threads: one number or several (a row each); None lets the device take its processors, at most 4.
        runs: measured inferences per row.
        warmup: inferences before them.
        budget_s: seconds after which a row's runs end early.

    Raises:
        UsageError: a number makes no sense.
        DeviceError: the device can't be reached or lacks something.
        ModelFileError: the file is damaged, or the device's runtime refuses it.
        CrashError: the runtime crashed on the model.
    """
    counts = thread_counts(threads)
    ProfileSettings(runs=runs, warmup=warmup, budget=budget_s)
    file = model if isinstance(model, AnyFile) else model_file.read_any(model)
    if isinstance(device, str):
        with open_device(device) as opened:
            return profile(file, opened, delegate, counts, runs, warmup, budget_s)
    answer = device.run("measure", [file], delegate=delegate, threads=counts, runs=runs, warmup=warmup, budget=budget_s)
    return _profile(file, device.name, delegate, answer)


def thread_counts(threads: Threads) -> list[int] | None:
    """One or several numbers of threads as a list; None stays None.

    Raises:
        UsageError: one of them is below 1 or above 256.
    """
    if threads is None:
        return None
    counts = ProfileSettings.of({"threads": threads}).threads
    if not counts:
        raise UsageError("No number of threads was given; expected one or several, for example 1,2,4.")
    return list(counts)


def facts(file: AnyFile) -> ModelFacts:
    """What is known of a model without running it."""
    from edgecnn.graph.arena import planned_bytes
    from edgecnn.graph.cost import total_macs
    from edgecnn.graph.shapes import known

    graph = known(file)
    inputs = tuple(graph.tensors[number].shape for number in graph.inputs)
    operators = len(file.model.graph.operators)
    return ModelFacts(
        file.name, len(file.data), file.sha256, total_macs(graph), planned_bytes(graph), operators, inputs
    )


def _profile(file: AnyFile, device: str, delegate: str, answer: dict[str, Any]) -> Profile:
    system, model = answer["system"], facts(file)
    measurements = [Measurement.from_dict(values) for values in answer["measurements"]]
    golden = GoldenResult.from_dict(answer["golden"]) if answer["golden"] else None
    rows = tuple(_row(measurement, model, answer["import_ms"], system) for measurement in measurements)
    return Profile(model, device, delegate, system["emulated"], system, answer["import_ms"], rows, golden)


def _row(measurement: Measurement, model: ModelFacts, import_ms: float, system: dict[str, Any]) -> Row:
    latency = measurement.latency_ms
    return Row(
        measurement,
        cold_start_ms=round(import_ms + measurement.read_ms + measurement.init_ms + latency.first, 1),
        gmac_per_s=round(model.macs / latency.median / 1e6, 3),
        median_interval_ms=median_interval(measurement.samples_ms),
        noise=judge(measurement, system),
    )

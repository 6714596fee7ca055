"""What a board may answer: a record per job, with the limits of each value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from edgecnn.core.errors import RecordError
from edgecnn.runtime.delegates.libedgetpu import Library
from edgecnn.runtime.measure.latency import Measurement, Milliseconds
from edgecnn.runtime.measure.sustained import WINDOWS
from edgecnn.runtime.model.validation import Length, Pattern, Range, Record
from edgecnn.runtime.run.golden import GoldenResult

_MAX_TENSOR_VALUES = 1 << 24

Count = Annotated[int, Range(0, 1 << 60)]
Threads = Annotated[int, Range(1, 1024)]
Duration = Annotated[float, Range(1e-7, 1e9)]  # of something that was measured: others divide by it
Rate = Annotated[float, Range(0, 1e9)]
Text = Annotated[str, Length(1000)]
Flags = Annotated[tuple[Text, ...], Length(32)]
Version = Annotated[str, Pattern(r"\d{1,4}\.\d{1,3}(\.[\w.+-]{0,40})?", "a version such as 3.11.2")]
PackageVersion = Annotated[str, Pattern(r"\d{1,4}(\.[\w.+!-]{0,40})?", "a version such as 2.4.6")]
Machine = Annotated[str, Pattern(r"[A-Za-z0-9][\w.-]{0,40}", "an architecture such as aarch64")]
Shape = Annotated[tuple[Annotated[int, Range(1, 1 << 24)], ...], Length(8, 1)]


@dataclass(frozen=True)
class System(Record):
    """`runtime.measure.system.describe()`."""

    board: Text | None
    cpu: Text | None
    machine: Machine
    bits: Literal[32, 64]
    cores: Threads
    cores_usable: Threads
    memory_bytes: Count | None
    os: Text
    glibc: Version | None
    python: Version
    runtime: Text | None
    governor: Text | None
    max_clock_mhz: Rate | None
    emulated: bool


@dataclass(frozen=True)
class Conditions(Record):
    """`runtime.measure.system.conditions()`."""

    load_1min: Rate | None
    clock_mhz: Rate | None
    temperature_c: Annotated[float, Range(-300, 1000)] | None
    throttled_bits: Count | None
    throttled_now: Flags
    throttled_since_start: Flags | None
    steal_s: Rate | None


@dataclass(frozen=True)
class Info(Record):
    """The job `info`."""

    system: System
    conditions: Conditions


@dataclass(frozen=True)
class Camera(Record):
    """A camera that Video4Linux knows."""

    node: Text
    name: Text


@dataclass(frozen=True)
class Accelerator(Record):
    """`runtime.delegates.coral.EdgeTpu` with its warning."""

    bus: Literal["usb", "pci"]
    node: Text
    speed_mbps: Annotated[int, Range(0, 1_000_000)]
    started: bool
    writable: bool
    used_by: Text
    warning: Text


@dataclass(frozen=True)
class Inventory(Record):
    """The job `check`: `runtime.process.inventory.take()`."""

    system: System
    conditions: Conditions
    virtual_environment: Text | None
    has_pip: bool
    numpy: PackageVersion | None
    opencv: Text | None
    free_disk_bytes: Count
    cameras: Annotated[tuple[Camera, ...], Length(256)]
    edgetpus: Annotated[tuple[Accelerator, ...], Length(256)]
    libedgetpu: Library | None


@dataclass(frozen=True)
class Installed(Record):
    """The job `install`."""

    python: Text


@dataclass(frozen=True)
class Measure(Record):
    """The job `measure`."""

    system: System
    import_ms: Milliseconds
    measurements: Annotated[tuple[Measurement, ...], Length(1024, 1)]
    golden: GoldenResult | None

    def __post_init__(self) -> None:
        for one in self.measurements:
            for key in ("before", "after"):
                Conditions.from_dict(getattr(one, key), key)
            if min(one.latency_ms.median, *one.samples_ms) <= 0:
                raise RecordError("measure.measurements contains inference times of 0 ms; expected positive times.")


@dataclass(frozen=True)
class Compare(Record):
    """The job `compare`."""

    system: System
    threads: Threads
    rounds: Annotated[tuple[tuple[Duration, Duration], ...], Length(1 << 20, 1)]
    clock: Literal["processor", "wall"]
    disturbed: Annotated[float, Range(0, 1)]
    others: Rate | None
    stolen: Rate | None


@dataclass(frozen=True)
class Pace(Record):
    """What ran in a while."""

    end_s: Rate
    fps: Annotated[float, Range(1e-6, 1e9)]
    median_ms: Duration
    p95_ms: Duration


@dataclass(frozen=True)
class Window(Pace, Conditions):
    """Of the job `sustained`: what ran in a while, and the conditions at its end."""


@dataclass(frozen=True)
class Sustained(Record):
    """The job `sustained`."""

    system: System
    threads: Threads
    windows: Annotated[tuple[Window, ...], Length(2 * WINDOWS, 1)]
    others: Rate | None
    stolen: Rate | None


@dataclass(frozen=True)
class OperatorTime(Record):
    """Of the job `per_op`."""

    index: Annotated[int, Range(0, 1 << 20)]
    ms: Milliseconds | None
    p95_ms: Milliseconds | None
    kernel: Literal["XNNPACK", "built-in", "delegate", "constant", "unknown"]


@dataclass(frozen=True)
class Probe(Record):
    """What the machine reaches at best."""

    float32_gmacs: Rate
    int8_gmacs: Rate
    copy_gb_s: Rate


@dataclass(frozen=True)
class OperatorTimes(Record):
    """`runtime.measure.per_op.measure()`."""

    whole_ms: Duration
    sum_ms: Milliseconds
    difference: Annotated[float, Range(-1, 1e9)]
    overhead_ms: Milliseconds
    rounds: Count
    clock: Literal["processor", "wall"]
    disturbed: Annotated[float, Range(0, 1)]
    threads: Threads
    delegate: Text
    operators: Annotated[tuple[OperatorTime, ...], Length(1 << 17)]
    probe: Probe


@dataclass(frozen=True)
class PerOperator(Record):
    """The job `per_op`; without times where the runtime there needs the operators in files of their own."""

    SPARSE = True

    needs_files: bool = False
    system: System | None = None
    times: OperatorTimes | None = None

    def __post_init__(self) -> None:
        if not self.needs_files and (self.system is None or self.times is None):
            raise RecordError("per_op has neither times nor needs_files; expected one of them.")
        if self.system and self.times and not self.system.emulated and not all(self.times.probe.to_dict().values()):
            raise RecordError("per_op.times.probe is 0; expected the measured peak performance.")


@dataclass(frozen=True)
class TensorForm(Record):
    """Shape and number type of a tensor."""

    shape: Shape
    dtype: Literal["uint8", "int8", "int16", "float16", "float32", "int32", "int64", "bool"]

    def __post_init__(self) -> None:
        if math.prod(self.shape) > _MAX_TENSOR_VALUES:
            raise RecordError(
                f"A tensor has the shape {list(self.shape)}; expected at most {_MAX_TENSOR_VALUES:,} values."
            )


@dataclass(frozen=True)
class Batch(Record):
    """The first line of the job `batch`."""

    input: TensorForm
    output: TensorForm
    threads: Threads
    system: System


ANSWERS: dict[str, type[Record]] = {
    "info": Info,
    "check": Inventory,
    "install": Installed,
    "measure": Measure,
    "compare": Compare,
    "sustained": Sustained,
    "per_op": PerOperator,
    "batch": Batch,
}

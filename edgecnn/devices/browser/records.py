"""What a page may answer, with the limits of each value: it is another machine's program, as a board's is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from edgecnn.devices.answer_records import Count, Duration, Pace, Text, Threads
from edgecnn.runtime.measure.latency import Milliseconds
from edgecnn.runtime.measure.sustained import WINDOWS
from edgecnn.runtime.model.validation import Length, Range, Record

_MOST = 1 << 20
Samples = Annotated[tuple[Duration, ...], Length(_MOST, 1)]


@dataclass(frozen=True)
class Described(Record):
    """The task `describe`.

    Attributes:
        cores: processors, as far as the browser tells.
        isolated: whether the page is cross-origin isolated, so that WebAssembly may share memory.
        relaxed_simd: whether WebAssembly has these instructions, which LiteRT.js's build with threads uses.
        clock_step_ms: how far its clock moves at once.
        platform, platform_version, model, architecture: told to secure pages only, and not by all browsers.
    """

    user_agent: Text
    cores: Threads
    isolated: bool
    relaxed_simd: bool
    clock_step_ms: Annotated[float, Range(1e-6, 1000)]
    platform: Text | None = None
    platform_version: Text | None = None
    model: Text | None = None
    architecture: Text | None = None


@dataclass(frozen=True)
class Form(Record):
    """An input or output of a model, by LiteRT's name for it."""

    name: Text
    dtype: Text
    shape: Annotated[tuple[Count, ...], Length(8)]


Forms = Annotated[tuple[Annotated[tuple[Form, ...], Length(256)], ...], Length(2, 1)]


@dataclass(frozen=True)
class Loaded(Record):
    """The task `load`; inputs and outputs of each model.

    Attributes:
        runtime_ms: fetching LiteRT.js and starting it.
        read_ms: fetching the models.
        init_ms: compiling them.
        memory_before_bytes: of WebAssembly, before the models were there.
    """

    runtime_ms: Milliseconds
    read_ms: Milliseconds
    init_ms: Milliseconds
    memory_before_bytes: Count
    inputs: Forms
    outputs: Forms


@dataclass(frozen=True)
class Timed(Record):
    """The task `measure`.

    Attributes:
        inferences_per_sample: how many a sample is the mean of.
        memory_bytes: of WebAssembly.
    """

    first_ms: Duration
    warmup_runs: Count
    samples_ms: Samples
    inferences_per_sample: Annotated[int, Range(1, 1000)]
    warm_start_ms: Milliseconds
    memory_bytes: Count
    not_finite: Count


@dataclass(frozen=True)
class Turns(Record):
    """The task `compare`."""

    rounds: Annotated[tuple[tuple[Duration, Duration], ...], Length(_MOST, 1)]


@dataclass(frozen=True)
class Windows(Record):
    """The task `sustain`."""

    windows: Annotated[tuple[Pace, ...], Length(2 * WINDOWS, 1)]


TASKS: dict[str, type[Record]] = {
    "describe": Described,
    "load": Loaded,
    "measure": Timed,
    "compare": Turns,
    "sustain": Windows,
}
"""Those that answer by a record; `run` answers by bytes."""
Values = dict[str, Any]

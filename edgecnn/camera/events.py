"""The messages of a demo on a board, validated like every answer of a board."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from edgecnn.devices.answer_records import Count, Rate, Text
from edgecnn.devices.answers import checked, parsed
from edgecnn.runtime.errors import RecordError
from edgecnn.runtime.measure.latency import Milliseconds
from edgecnn.runtime.model.validation import Length, Range, Record

LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class Ready(Record):
    """It runs."""

    source: Text
    port: Annotated[int, Range(0, 65535)]
    notes: Annotated[tuple[Text, ...], Length(256)]


@dataclass(frozen=True)
class Counts(Record):
    """`edgecnn.camera.capture.Counts`."""

    captured: Count
    dropped: Count
    inferred: Count
    corrupt: Count
    reconnects: Count


@dataclass(frozen=True)
class Percentiles(Record):
    """From the glass to the answer."""

    median: Milliseconds
    p95: Milliseconds
    p99: Milliseconds


@dataclass(frozen=True)
class Summary(Record):
    """`edgecnn.camera.demo.Demo.run()`; without rate and times where there were fewer than two answers."""

    SPARSE = True
    EXTRA = "extra"

    ended: Text
    counts: Counts
    fps: Rate | None = None
    latency_ms: Percentiles | None = None
    stages_median_ms: dict[str, Milliseconds] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len({self.fps is None, self.latency_ms is None, not self.stages_median_ms}) > 1:
            raise RecordError("summary has some of fps, latency_ms and stages_median_ms; expected all or none.")


@dataclass(frozen=True)
class Said(Record):
    """A sentence for a person."""

    note: Text


@dataclass(frozen=True)
class Corrected(Record):
    """An image whose answer was wrong: what it is, what the model said, and the JPEG in base64."""

    label: Text
    said: Text
    jpeg: Annotated[str, Length(LONGEST_LINE)]


@dataclass(frozen=True)
class Anything(Record):
    """Any values that JSON has, printable and not too deep."""

    values: dict[str, Any]


def read(raw: bytes, device: str) -> tuple[str, Any]:
    """The event of a line, and its value: "ready" with `Ready`, "correction" with `Corrected`, "line" and "summary"
    with JSON values, "note", "error".

    A line that isn't ours but a shell's greeting is ("", None).

    Raises:
        DeviceError: the value makes no sense.
    """
    event = parsed(raw, "the demo", device) if raw.lstrip().startswith(b"{") else {}
    for name, value in event.items():
        if name == "ready":
            return name, checked(Ready, value, "the demo", device)
        if name == "summary":
            summary = checked(Summary, value, "the demo", device)
            return name, {**summary.to_dict(), "recording": None}  # none is made there
        if name == "line":
            return name, checked(Anything, {"values": value}, "the demo", device).values
        if name == "note":
            return name, checked(Said, {"note": value}, "the demo", device).note
        if name == "correction":
            return name, checked(Corrected, value, "the demo", device)
        if name == "error":
            return name, value
    return "", None

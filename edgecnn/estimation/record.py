"""What an estimate says, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Optional

from edgecnn.runtime.model.validation import Range, Record

Positive = Annotated[float, Range(1e-9, 1e12)]
Interval = Optional[tuple[Positive, Positive]]


@dataclass(frozen=True)
class Basis(Record):
    """What an estimate rests on.

    Attributes:
        processor: that was measured.
        runtime: with its version.
        delegate: that ran the operators.
        threads: of the processor.
        measurements: how many latencies the law was fitted to.
        source: who measured, and where it was published.
        notes: what a reader should know, in sentences.
    """

    processor: str
    runtime: str
    delegate: str
    threads: int
    measurements: int
    source: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Estimate(Record):
    """Of one model in one number format on one device; nothing of it was measured.

    Attributes:
        model: its name, or the file's.
        number_format: "float32", "int8", or both joined by a plus sign for a model of mixed precision.
        device: a board, or a device that was calibrated.
        latency_ms: of one inference; None if it is not estimated.
        interval_ms: 9 of 10 models that the law did not see lie within such an interval.
        energy_mj: millijoules of the whole board for one inference, idle power included; None where it is not known.
        energy_interval_mj: the interval of that.
        refusal: why it is not estimated, a sentence; empty if it is.
        left_out: operators behind the network whose time is not in the estimate: a detector's non-maximum suppression.
    """

    DERIVED = ("kind", "fps", "fps_interval")

    model: str
    number_format: str
    device: str
    basis: Basis
    latency_ms: Positive | None = None
    interval_ms: Interval = None
    energy_mj: float | None = None
    energy_interval_mj: Interval = None
    refusal: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The word that goes with every figure."""
        return "not estimated" if self.refusal else "estimated"

    @property
    def fps(self) -> float | None:
        """Inferences a second, one after another."""
        return round(1000 / self.latency_ms, 3) if self.latency_ms else None

    @property
    def fps_interval(self) -> Interval:
        """The interval of that."""
        if not self.interval_ms:
            return None
        low, high = self.interval_ms
        return round(1000 / high, 3), round(1000 / low, 3)

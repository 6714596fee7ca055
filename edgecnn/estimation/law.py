"""A latency law: what each amount of work costs on one device with one runtime, and how far that can be trusted.

The latency of a model is `start_ms` plus the sum over its operators of price times amount. No price is negative, so a
larger model never gets a smaller estimate. The interval comes from models that the law did not see when it was fitted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from edgecnn.core.errors import EdgecnnError
from edgecnn.estimation.work import Totals
from edgecnn.runtime.model.validation import Range, Record

FAR = 4.0
"""Times the largest of what was measured (or part of the smallest) beyond which nothing is estimated."""
_MATTERS = 0.2  # share of the estimate from which on an amount far outside matters

_OPERATORS = {
    "gemm": "CONV_2D",
    "image": "CONV_2D",
    "dense": "FULLY_CONNECTED",
    "grouped convolution": "CONV_2D with groups",
    "dilated convolution": "CONV_2D with dilation",
    "dilated depthwise": "DEPTHWISE_CONV_2D with dilation",
    "depthwise": "DEPTHWISE_CONV_2D",
}
Positive = Annotated[float, Range(0, 1e12)]


class NotEstimatedError(EdgecnnError):
    """A model has something that the law was not fitted to."""


@dataclass(frozen=True)
class Power(Record):
    """Watts of the whole board while it runs models, idle included: the median, the least and the most."""

    watts: Positive
    least: Positive
    most: Positive


@dataclass(frozen=True)
class Law(Record):
    """Of one number format.

    Attributes:
        start_ms: of any model.
        prices_ns: nanoseconds per unit of each amount (see `edgecnn.estimation.work`); 0 for what was there and cost
            nothing measurable. An amount that was not there has no price.
        largest: of each amount, the largest of a measured model.
        least_ms: shortest measured latency.
        most_ms: longest measured latency.
        spread: 9 of 10 held-out latencies are within the estimate divided and multiplied by 1 + spread.
        measurements: latencies that it was fitted to.
        power: while it runs such models, where it was measured.
    """

    start_ms: Positive
    prices_ns: dict[str, Positive]
    largest: dict[str, Positive]
    least_ms: Positive
    most_ms: Positive
    spread: Positive
    measurements: int
    power: Power | None = None

    def cost_ms(self, amounts: Mapping[str, float]) -> float:
        """Of a model's amounts, without the start.

        Raises:
            NotEstimatedError: one of them has no price.
        """
        for name in amounts:
            if name not in self.prices_ns:
                raise NotEstimatedError(f"{_kind(name)} is no operator that was measured.")
        return sum(self.prices_ns[name] * amount for name, amount in amounts.items()) / 1e6

    def check_size(self, amounts: Mapping[str, float], whole_ms: float) -> None:
        """Whether a model is near what was measured.

        Raises:
            NotEstimatedError: it is far from it.
        """
        for name, amount in amounts.items():
            cost_ms, largest = self.prices_ns[name] * amount / 1e6, self.largest[name]
            if cost_ms > _MATTERS * whole_ms and amount > FAR * largest:
                raise NotEstimatedError(
                    f"{_kind(name)} has {amount / largest:.0f} times as much to do as in the largest measured model."
                )
        if not self.least_ms / FAR <= whole_ms <= self.most_ms * FAR:
            raise NotEstimatedError(
                f"Its latency is far from those that were measured, {self.least_ms:.3g} to {self.most_ms:.3g} ms."
            )


def _kind(amount: str) -> str:
    """The operator that an amount is of, as TFLite calls it."""
    kind = amount.partition(".")[0]
    for beginning, operator in _OPERATORS.items():
        if kind.startswith(beginning):
            return f"{operator}{kind[len(beginning) :]}"
    return kind


@dataclass(frozen=True)
class Laws(Record):
    """Of one device with one runtime, by number format.

    Attributes:
        device: a board's file name, or the name of a calibrated device.
        processor: that was measured.
        runtime: with its version.
        delegate: that ran the operators.
        threads: of the processor.
        source: who measured, and where it was published.
        laws: "float32" and "int8".
        notes: what a reader should know, in sentences.
    """

    device: str
    processor: str
    runtime: str
    delegate: str
    threads: int
    source: str
    laws: dict[str, Law]
    notes: tuple[str, ...] = ()

    def predict(self, totals: Totals) -> Prediction:
        """The latency of a model.

        Raises:
            NotEstimatedError: it has an operator or number format that was not measured, or is far too large or small.
        """
        for number_format in totals:
            if number_format not in self.laws:
                raise NotEstimatedError(f"Models with {number_format} operators were not measured.")
        costs = {each: self.laws[each].cost_ms(amounts) for each, amounts in totals.items()}
        if not costs:
            raise NotEstimatedError("It has no operator.")
        main = max(costs, key=lambda each: costs[each])
        law, whole_ms = self.laws[main], self.laws[main].start_ms + sum(costs.values())
        for number_format, amounts in totals.items():
            self.laws[number_format].check_size(amounts, whole_ms)
        spread = max(self.laws[each].spread for each in costs)
        measurements = sum(self.laws[each].measurements for each in costs)
        return Prediction(whole_ms, spread, measurements, main, law.power)


@dataclass(frozen=True)
class Prediction:
    """What laws say of a model: milliseconds, and the factor 1 + spread in which 9 of 10 lie.

    Attributes:
        number_format: that most of its time is spent in.
    """

    latency_ms: float
    spread: float
    measurements: int
    number_format: str
    power: Power | None

    @property
    def interval_ms(self) -> tuple[float, float]:
        """From the estimate divided by 1 + spread to the estimate multiplied by it."""
        return self.latency_ms / (1 + self.spread), self.latency_ms * (1 + self.spread)

    @property
    def energy_mj(self) -> tuple[float, float, float] | None:
        """Millijoules of one inference, idle power included: the estimate, the least and the most."""
        if self.power is None:
            return None
        low, high = self.interval_ms
        # Latency and power err apart from each other: their relative errors add up in squares.
        below = math.hypot(1 - low / self.latency_ms, 1 - self.power.least / self.power.watts)
        above = math.hypot(high / self.latency_ms - 1, self.power.most / self.power.watts - 1)
        energy = self.latency_ms * self.power.watts
        return energy, energy * max(0.0, 1 - below), energy * (1 + above)

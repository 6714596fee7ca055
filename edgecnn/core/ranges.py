"""Finite numbers within a range: the one type of every number that a person can set."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False, repr=False)
class Range:
    """Which numbers are valid. NaN and infinity never are, nor is a bool; a whole number stays an `int`.

    Attributes:
        whole: whether only whole numbers are valid.
        low: smallest valid number; None for no limit.
        high: largest valid number; None for no limit.
        above: the number that all valid ones exceed, in place of `low`.
        below: the number that exceeds all valid ones, in place of `high`.
        unit: in which the numbers are given, for messages.
    """

    whole: bool = False
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    unit: str = ""

    def checked(self, value: Any) -> int | float:
        """The number as an `int` or a `float`.

        Raises:
            ValueError: it is not valid; the message says what is expected.
        """
        if isinstance(value, bool) or not isinstance(value, numbers.Integral if self.whole else numbers.Real):
            raise ValueError(str(self))
        number: int | float = int(value) if self.whole else float(value)  # type: ignore[call-overload]
        if not math.isfinite(number) or not self._contains(number):
            raise ValueError(str(self))
        return number

    def parsed(self, text: str) -> int | float:
        """The number that a person wrote.

        Raises:
            ValueError: it is none, or not valid.
        """
        try:
            number = int(text) if self.whole else float(text)
        except ValueError:
            raise ValueError(str(self)) from None
        return self.checked(number)

    def _contains(self, number: float) -> bool:
        return not (
            (self.low is not None and number < self.low)
            or (self.high is not None and number > self.high)
            or (self.above is not None and number <= self.above)
            or (self.below is not None and number >= self.below)
        )

    def __str__(self) -> str:
        """For example "a whole number from 1 to 100,000" or "a number above 0 and below 1"."""
        return f"a {self._words()}"

    def plural(self) -> str:
        """For example "whole numbers from 1 to 100,000"."""
        return self._words("s")

    def _words(self, ending: str = "") -> str:
        kind = "whole number" if self.whole else "number" if self.limits() else "finite number"
        return " ".join(part for part in (kind + ending, self.limits(), self.unit) if part)

    def limits(self) -> str:
        """For example "from 1 to 100,000"; empty without limits."""
        if self.low is not None and self.high is not None:
            return f"from {self.low:,} to {self.high:,}"
        low = f"of at least {self.low:,}" if self.low is not None else ""
        low = f"above {self.above:,}" if self.above is not None else low
        high = f"at most {self.high:,}" if self.high is not None else ""
        high = f"below {self.below:,}" if self.below is not None else high
        return " and ".join(part for part in (low, high) if part)

    def schema(self) -> dict[str, Any]:
        """As JSON schema."""
        limits = {
            "minimum": self.low,
            "maximum": self.high,
            "exclusiveMinimum": self.above,
            "exclusiveMaximum": self.below,
        }
        kind = "integer" if self.whole else "number"
        return {"type": kind, **{name: limit for name, limit in limits.items() if limit is not None}}

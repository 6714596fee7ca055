"""Limits of the values that a record's fields take, for `typing.Annotated`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from ..errors import RecordError

MAX_ITEMS = 1 << 20
_SHOWN = 60  # characters of a value that a message repeats


@dataclass(frozen=True)
class Range:
    """For `Annotated[int, Range(1, 100)]`: the least and the most that a number may be."""

    low: float = -math.inf
    high: float = math.inf

    def check(self, value: Any, key: str) -> None:
        """Raise if it is outside."""
        if not self.low <= value <= self.high:
            raise wrong(key, value, f"{self.low:g} to {self.high:g}")


@dataclass(frozen=True)
class Length:
    """For `Annotated[str, Length(1 << 20)]`: the most characters or items, not the usual limit, and the least."""

    most: int = MAX_ITEMS
    least: int = 0

    def check(self, value: Any, key: str) -> None:
        """Raise if there are more."""
        if len(value) > self.most:
            raise RecordError(f"{key} has {len(value):,} characters or items; expected at most {self.most:,}.")
        if len(value) < self.least:
            raise RecordError(f"{key} has {len(value):,} items; expected at least {self.least:,}.")


@dataclass(frozen=True)
class Pattern:
    """For `Annotated[str, Pattern("[0-9a-f]*", "hexadecimal digits")]`: what a whole text must match, in words too."""

    expression: str
    expected: str

    def check(self, value: Any, key: str) -> None:
        """Raise if it doesn't."""
        if not re.fullmatch(self.expression, value):
            raise wrong(key, value, self.expected)


def wrong(key: str, value: Any, expected: str) -> RecordError:
    """The error of a value that can't stand there: where it stands, what it is, what was expected."""
    scalar = isinstance(value, (str, int, float, type(None)))
    shown = ascii(value[: _SHOWN + 1] if isinstance(value, str) else value) if scalar else type(value).__name__
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return RecordError(f"{key} is {shown}; expected {expected}.")

"""The result of the ladder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgecnn.core.statistics import Share
from edgecnn.ladder.settings import Bounds
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.provenance import Skipped, Tried
from edgecnn.runtime.model.validation import Record

Verdict = Literal["met", "inconclusive", "not met"]


@dataclass(frozen=True)
class Climb:
    """What came of it.

    Attributes:
        file: the artifact.
        path: where it was written.
        entries: every configuration up to the last one, in order, those that were skipped too.
        reached: whether the last one is within the bounds.
        left_out: how many images were left out of the evaluation because they were calibrated or trained on.
        int8: the best artifact that is the float model in int8, layer by layer; None if there is none.
    """

    file: ModelFile
    path: Path
    entries: list[Tried | Skipped]
    reached: bool
    left_out: int = 0
    int8: ModelFile | None = None

    @property
    def tried(self) -> list[Tried]:
        """Those that were not skipped."""
        return [entry for entry in self.entries if isinstance(entry, Tried)]

    def record(self) -> ClimbRecord:
        """What is written as JSON."""
        return ClimbRecord(str(self.path), self.reached, self.left_out, tuple(self.entries))


@dataclass(frozen=True)
class ClimbRecord(Record):
    """What `edgecnn quantize` with a bound writes as JSON.

    Attributes:
        output: where the artifact was written.
        reached: whether it is within the bounds.
        pictures_left_out: how many images were left out of the evaluation.
        steps: every configuration up to the last one, in order.
    """

    output: str
    reached: bool
    pictures_left_out: int
    steps: tuple[Tried | Skipped, ...]


def verdict(bounds: Bounds, agreement: Share, drop: Share | None) -> tuple[Verdict, int]:
    """The worse of the two bounds' verdicts, and how many images are needed."""
    found = []
    if bounds.max_drop is not None and drop is not None:
        found.append(one_verdict(bounds.max_drop - drop.percent, drop.high_percent - drop.percent, agreement.total))
    if bounds.min_agreement is not None:
        room = agreement.percent - bounds.min_agreement
        found.append(one_verdict(room, agreement.percent - agreement.low_percent, agreement.total))
    order: tuple[Verdict, ...] = ("met", "inconclusive", "not met")
    return max(found, key=lambda pair: (order.index(pair[0]), pair[1]))


def one_verdict(room: float, half_width: float, pictures: int) -> tuple[Verdict, int]:
    """Verdict from how far the value lies within its bound and how wide its interval is; widths shrink as 1/sqrt(n)."""
    if room < 0:
        return "not met", 0
    if half_width <= room:
        return "met", 0
    return "inconclusive", math.ceil(pictures * (half_width / room) ** 2) if room > 0 else 0

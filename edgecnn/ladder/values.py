"""What the ladder answers."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.statistics import Share
from edgecnn.ladder.settings import Bounds
from edgecnn.runtime.model.model_file import ModelFile


@dataclass(frozen=True)
class Step:
    """A rung that was tried.

    Attributes:
        verdict: "held" (the whole confidence interval lies within the bounds), "not shown" (the measured value does,
            but there are too few pictures to tell), or "missed".
        pictures_needed: how many would do to tell, an estimate; 0 where it is told already or can't be.
        latency_ms: median on this machine, one thread: to compare rungs, not boards.
        price_ms: how much more the shortest run takes than the first rung's, in turns with it.
    """

    rung: str
    what: str
    verdict: str
    agreement: Share
    top1: Share | None
    drop: Share | None
    size_bytes: int
    latency_ms: float
    price_ms: float
    pictures: int
    pictures_needed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Skipped:
    """A rung that was not tried, or that this model can't have."""

    rung: str
    what: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**dataclasses.asdict(self), "verdict": "skipped"}


@dataclass(frozen=True)
class Climb:
    """What came of it.

    Attributes:
        file: the artifact.
        path: where it was written.
        account: every rung up to the last one, in order.
        reached: whether the last one is within the bounds.
        left_out: how many pictures were not judged by, because they were calibrated or trained on.
        int8: the best artifact that is the float model in int8, layer by layer; None if there is none.
    """

    file: ModelFile
    path: Path
    account: list[Step | Skipped]
    reached: bool
    left_out: int = 0
    int8: ModelFile | None = None

    @property
    def steps(self) -> list[Step]:
        """The rungs that were tried."""
        return [entry for entry in self.account if isinstance(entry, Step)]


def verdict(bounds: Bounds, agreement: Share, drop: Share | None) -> tuple[str, int]:
    """The worse of the two bounds' verdicts, and how many pictures would tell."""
    found = []
    if bounds.max_drop is not None and drop is not None:
        found.append(one_verdict(bounds.max_drop - drop.percent, drop.high_percent - drop.percent, agreement.total))
    if bounds.min_agreement is not None:
        room = agreement.percent - bounds.min_agreement
        found.append(one_verdict(room, agreement.percent - agreement.low_percent, agreement.total))
    order = ("held", "not shown", "missed")
    return max(found, key=lambda pair: (order.index(pair[0]), pair[1]))


def one_verdict(room: float, half_width: float, pictures: int) -> tuple[str, int]:
    """Verdict from how far the value lies within its bound and how wide its interval is; widths shrink as 1/sqrt(n)."""
    if room < 0:
        return "missed", 0
    if half_width <= room:
        return "held", 0
    return "not shown", math.ceil(pictures * (half_width / room) ** 2) if room > 0 else 0

"""Which of two models is faster on a device, and whether the difference is more than noise."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgecnn.devices import Device
from edgecnn.profiling.noise import NO_VERDICT, Verdict, judge_company, median_interval
from edgecnn.runtime.model.model_file import AnyFile
from edgecnn.runtime.model.validation import Record


@dataclass(frozen=True)
class Comparison(Record):
    """Two models timed in interleaved runs.

    Attributes:
        first_ms: median of the first one's blocks.
        second_ms: median of the second one's blocks.
        ratio: median over the rounds of first / second; the two blocks of a round were timed one after the other.
        interval: 95 % confidence interval of that median, by order statistics.
        emulated: whether the device is an emulator, whose times say nothing about a real board.
        clock: "processor" (one thread: other programs don't stretch the times) or "wall".
        noise: whether the ratio can be trusted.
    """

    DERIVED = ("differs",)

    first: str
    second: str
    device: str
    delegate: str
    threads: int
    rounds: int
    first_ms: float
    second_ms: float
    ratio: float
    interval: tuple[float, float]
    emulated: bool
    clock: str = "wall"
    noise: Verdict = NO_VERDICT

    @property
    def differs(self) -> bool:
        """Whether the interval leaves out 1, and can be trusted."""
        return not self.noise.too_noisy and not self.interval[0] <= 1 <= self.interval[1]

    def sentence(self) -> str:
        """The result for a person."""
        if self.noise.too_noisy:
            return self._refused()
        marked = ", EMULATED" if self.emulated else ""
        low, high = self.interval
        numbers = f"ratio {self.ratio:.3f}, 95 %: {low:.3f} to {high:.3f}, {self.rounds} interleaved rounds{marked}"
        if not self.differs:
            return (
                f"No difference between {self.first} and {self.second} could be measured on {self.device} ({numbers})."
            )
        faster, factor = (self.second, self.ratio) if self.ratio > 1 else (self.first, 1 / self.ratio)
        slower = self.first if self.ratio > 1 else self.second
        return f"{faster} is {factor:.2f} times as fast as {slower} on {self.device} ({numbers})."

    def _refused(self) -> str:
        one = "" if self.threads == 1 else ", or use --threads 1, which is timed by processor time"
        return (
            f"{self.first} and {self.second} can't be compared on {self.device}, because the machine was too "
            f"busy. {' '.join(self.noise.reasons)} Close other programs and repeat the measurement{one}."
        )


def compare(first: AnyFile, second: AnyFile, device: Device, **options: Any) -> Comparison:
    """Time two models in interleaved runs on a device.

    Args:
        first: a model.
        second: another one.
        device: where.
        **options: delegate, threads (one number or None), runs, warmup and budget of `edgecnn.runtime`.

    Raises:
        EdgecnnError: the device or one of the models can't be used.
    """
    answer = device.run("compare", [first, second], **options)
    rounds = answer["rounds"]
    ratio, interval = ratio_of(rounds)
    return Comparison(
        first=first.name,
        second=second.name,
        device=device.name,
        delegate=options.get("delegate") or "cpu",
        threads=answer["threads"],
        rounds=len(rounds),
        first_ms=round(statistics.median(a for a, _ in rounds), 4),
        second_ms=round(statistics.median(b for _, b in rounds), 4),
        ratio=round(ratio, 5),
        interval=(round(interval[0], 5), round(interval[1], 5)),
        emulated=answer["system"]["emulated"],
        clock=answer["clock"],
        noise=judge_company(answer, answer["threads"]),
    )


def ratio_of(rounds: Sequence[tuple[float, float]]) -> tuple[float, tuple[float, float]]:
    """Median of the rounds' ratios, and its 95 % confidence interval."""
    ratios = [a / b for a, b in rounds]
    return statistics.median(ratios), median_interval(ratios)

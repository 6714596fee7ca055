"""Can a measurement be trusted? A verdict with its reasons, and the interval that the median lies in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.runtime.measure.latency import Measurement
from edgecnn.runtime.model.validation import Record

MAX_SPREAD = 0.25
MAX_DRIFT = 0.05
MAX_HALF_WIDTH = 0.03
MAX_DISTURBED = 0.5
MAX_STOLEN = 0.05
SPARE = 0.25
"""Processors that other programs may use beyond those that are free: a desktop, the measuring itself."""
_Z95 = 1.96


@dataclass(frozen=True)
class Verdict(Record):
    """Whether a measurement is too noisy.

    Attributes:
        too_noisy: whether one of the bounds of this module was passed.
        reasons: what was seen, in sentences.
        causes: what in the machine's state may have made it, in sentences.
    """

    too_noisy: bool
    reasons: tuple[str, ...]
    causes: tuple[str, ...]


def median_interval(samples: Sequence[float]) -> tuple[float, float]:
    """95 % confidence interval of the median, by ranks n/2 -+ 1.96 sqrt(n)/2; assumes no distribution."""
    ordered = sorted(samples)
    count = len(ordered)
    reach = _Z95 * math.sqrt(count) / 2
    low, high = math.floor(count / 2 - reach), math.ceil(count / 2 + reach)
    return ordered[max(0, low)], ordered[min(count - 1, high)]


def judge(measurement: Measurement, system: dict[str, Any]) -> Verdict:
    """The verdict on one measurement made on a machine with that `runtime.system.describe()`."""
    reasons = tuple(_reasons(measurement.samples_ms))
    return Verdict(bool(reasons), reasons, tuple(_causes(measurement, system)) if reasons else ())


NO_VERDICT = Verdict(False, (), ())


def judge_company(answer: Mapping[str, Any], threads: int) -> Verdict:
    """The verdict on times that were taken while other programs may have used the processors.

    Args:
        answer: of a job: system, others and stolen (processors on average; None where it isn't known), and for a
            comparison clock and disturbed. An emulator's times are never judged.
        threads: of the model.
    """
    system, others = answer["system"], answer.get("others")
    if system["emulated"]:
        return NO_VERDICT
    found = []
    stretched = answer.get("clock") != "processor"
    if stretched and others is not None and threads + others > system["cores"] + SPARE:
        found.append(
            f"Meanwhile other programs used {others:.1f} of the {system['cores']} processors, and the model needs "
            f"{threads}."
        )
    if answer.get("disturbed", 0) > MAX_DISTURBED:
        found.append(f"The system interrupted the model in {answer['disturbed']:.0%} of the rounds.")
    if (answer.get("stolen") or 0) > MAX_STOLEN:
        found.append(f"The hypervisor gave the time of {answer['stolen']:.1f} processors to other virtual machines.")
    return Verdict(bool(found), tuple(found), ())


def _reasons(samples: list[float]) -> list[str]:
    p10, median, p90 = np.percentile(samples, [10, 50, 90])
    found = []
    if (p90 - p10) / median > MAX_SPREAD:
        found.append(f"8 of 10 runs lie between {p10:.3g} and {p90:.3g} ms, {(p90 - p10) / median:.0%} of the median.")
    third = max(1, len(samples) // 3)
    drift = float(np.median(samples[-third:]) / np.median(samples[:third])) - 1
    if abs(drift) > MAX_DRIFT:
        found.append(
            f"The last third of the runs was {abs(drift):.0%} {'slower' if drift > 0 else 'faster'} than the first."
        )
    low, high = median_interval(samples)
    if (high - low) / 2 / median > MAX_HALF_WIDTH:
        found.append(
            f"With {len(samples)} runs the median is known only to be between {low:.3g} and {high:.3g} ms (95 %); "
            "increase --runs."
        )
    return found


def _causes(measurement: Measurement, system: dict[str, Any]) -> list[str]:
    before, after = measurement.before, measurement.after
    causes = []
    if (before["load_1min"] or 0) > 0.5 * system["cores"]:
        causes.append(
            f"Other programs use the processors: the load is {before['load_1min']} on {system['cores']} cores."
        )
    elif (measurement.preemptions or 0) > measurement.runs:
        causes.append(
            f"Other programs interrupted the model {measurement.preemptions} times in {measurement.runs} runs."
        )
    if measurement.threads > system["cores_usable"]:
        causes.append(f"{measurement.threads} threads share {system['cores_usable']} processors.")
    if (after["steal_s"] or 0) - (before["steal_s"] or 0) > 0.05:
        causes.append("The hypervisor gave processor time to other virtual machines.")
    if after["throttled_now"]:
        causes.append(f"The board throttles its clock: {', '.join(after['throttled_now'])}.")
    if system["governor"] not in (None, "performance"):
        causes.append(f"The frequency governor is {system['governor']!r}; 'performance' keeps the clock constant.")
    return causes or ["No cause was found in load, clock or temperature."]

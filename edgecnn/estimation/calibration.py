"""Fits latency laws to a device at hand: small networks, each timed as a whole and operator by operator.

An operator's time depends on its own amounts of work only, so a hundred operators of all kinds give every price many
measurements; the wholes, which count for more, hold the sum to what a network takes.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.errors import EdgecnnError, UsageError
from edgecnn.core.progress import Progress, silent
from edgecnn.core.text import counted, to_stderr
from edgecnn.devices import Device, Note, open_device
from edgecnn.estimation import known
from edgecnn.estimation.law import Law, Laws
from edgecnn.estimation.nnls import nonnegative_least_squares
from edgecnn.estimation.probe_networks import NETWORKS, probes
from edgecnn.estimation.work import FREE, Work, work_of
from edgecnn.graph import tflite_network
from edgecnn.profiling import per_op
from edgecnn.profiling.per_op import PerOperator
from edgecnn.runtime.model.model_file import AnyFile
from edgecnn.runtime.model.validation import Record

BUDGET_S = 55.0
LEAST_SPREAD = 0.15
REACH = 10.0
"""Times a probe network that a model may be: operators add up, so many of them are no extrapolation."""
_WHOLE = 5.0  # operators that a whole network counts for
_FLOOR = 0.01  # of the whole: an operator below it is timed no more exactly than that
_RUNS, _WARMUP = 30, 3
_TIMING, _LEAST_S, _MOST_S = 0.6, 1.0, 5.0  # share of a job that is timing, and its bounds
_START = "start"
_COMPILED_ONLY = "edgetpu"


@dataclass(frozen=True)
class Probed:
    """One network that was timed.

    Attributes:
        works: of its operators, with the milliseconds of each; None for one that can't be timed by itself.
    """

    name: str
    number_format: str
    whole_ms: float
    works: tuple[tuple[Work, float | None], ...]

    @property
    def amounts(self) -> dict[str, float]:
        """Of the whole network."""
        names = {name for work, _ in self.works for name in work.amounts}
        return {name: sum(work.amounts.get(name, 0.0) for work, _ in self.works) for name in sorted(names)}


@dataclass(frozen=True)
class Check(Record):
    """A probe network, measured, and as a law says that was fitted without it.

    Attributes:
        without_ms: latency by that law; what only this network has keeps its own measurements.
    """

    network: str
    measured_ms: float
    without_ms: float


@dataclass(frozen=True)
class Calibration(Record):
    """What a device was found to be.

    Attributes:
        device: its name.
        seconds: that the probes took.
        laws: that were fitted.
        checks: of each probe network.
        failures: probe networks that the device's runtime or delegate refused, and why.
    """

    device: str
    seconds: float
    laws: Laws
    checks: tuple[Check, ...]
    failures: tuple[str, ...] = ()


def calibrate(
    device: Device,
    delegate: str = "cpu",
    threads: int | None = None,
    progress: Progress = silent,
    networks: Iterable[str] = tuple(NETWORKS),
    budget_s: float = BUDGET_S,
) -> Calibration:
    """Probe a device for about a minute and fit its laws.

    Args:
        device: an open device.
        delegate: that runs the operators there.
        threads: of the processor; None lets the device take its processors, at most 4.
        progress: told how many networks are done.
        networks: names of `NETWORKS`.
        budget_s: seconds that all probes may take together; a slow start of the device's Python may stretch them.

    Raises:
        UsageError: the delegate runs only what was compiled for it, so its operators can't be timed apart.
        DeviceError: the device can't be used.
        EdgecnnError: it runs none of the probe networks.
    """
    if delegate.partition(":")[0] == _COMPILED_ONLY:
        raise UsageError(
            f"--delegate {delegate} can't be calibrated: an Edge TPU runs only compiled models, whose operators are "
            "one that can't be timed apart. Measure a model there instead: edgecnn compile MODEL.tflite, then edgecnn "
            f"profile MODEL_edgetpu.tflite --delegate {delegate}."
        )
    start, failures = time.monotonic(), []
    found: list[tuple[Probed, PerOperator]] = []
    files = list(probes(networks))
    for index, (number_format, file) in enumerate(files):
        progress("Probing operators", index, len(files))
        left_s = (budget_s - (time.monotonic() - start)) / (len(files) - index)
        timing_s = min(_MOST_S, max(_LEAST_S, left_s * _TIMING))
        try:
            times = _time(file, device, delegate, threads, timing_s)
            found.append((_joined(file, number_format, times), times))
        except EdgecnnError as error:
            if not found and index + 1 == len(files):
                raise
            failures.append(f"{file.name}: {error}")
    progress("Probing operators", len(files), len(files))
    laws, checks = fitted([probed for probed, _ in found], with_start=delegate != "cpu")
    return Calibration(
        device.name, round(time.monotonic() - start, 1), _described(device.name, found[0][1], laws, found), checks,
        tuple(failures),
    )  # fmt: skip


def calibrate_and_keep(
    target: str, delegate: str = "cpu", threads: int | None = None, progress: Progress = silent, note: Note = to_stderr
) -> Calibration:
    """Calibrate a device and keep its laws under the name that it was asked for by; errors as of `calibrate`."""
    with open_device(target, note) as device:
        found = calibrate(device, delegate, threads, progress)
    found = dataclasses.replace(found, device=target, laws=dataclasses.replace(found.laws, device=target))
    known.keep(target, found.laws)
    return found


def _time(file: AnyFile, device: Device, delegate: str, threads: int | None, budget_s: float) -> PerOperator:
    counts = None if threads is None else [threads]
    return per_op.measure(file, device, delegate=delegate, threads=counts, runs=_RUNS, warmup=_WARMUP, budget=budget_s)


def _joined(file: AnyFile, number_format: str, times: PerOperator) -> Probed:
    works = work_of(tflite_network.read(file.model, file.name))
    rows = [row for row in times.operators if row.type not in FREE]
    return Probed(file.name, number_format, times.whole_ms, tuple(zip(works, (row.latency_ms for row in rows))))


def _described(
    name: str, times: PerOperator, laws: dict[str, Law], found: Sequence[tuple[Probed, PerOperator]]
) -> Laws:
    system = times.system
    operators = sum(len(probed.works) for probed, _ in found)
    notes = [] if not system["emulated"] else ["EMULATED: these times say nothing about a real board."]
    if any(each.disturbed > 0.5 for _, each in found):
        notes.append("Other programs disturbed the probes; calibrate again on a quiet device.")
    processor = str(system.get("board") or system.get("cpu") or system["machine"])
    source = f"calibrated by {counted(operators, 'operator')} of {counted(len(found), 'probe network')}"
    return Laws(name, processor, str(system["runtime"]), times.delegate, times.threads, source, laws, tuple(notes))


def fitted(probed: Sequence[Probed], with_start: bool = False) -> tuple[dict[str, Law], tuple[Check, ...]]:
    """The law of each number format, and how well laws that were fitted without a network say its latency.

    Args:
        probed: the networks.
        with_start: whether a whole network costs something beside its operators. A delegate moves its input and output;
            on a processor that is a hundredth of a millisecond, and would take up what disturbs the wholes.
    """
    laws, checks, start = {}, [], {_START: 1.0} if with_start else {}
    for number_format in sorted({each.number_format for each in probed}):
        group = [each for each in probed if each.number_format == number_format]
        held_out = [Check(each.name, round(each.whole_ms, 4), round(_without(each, group, start), 4)) for each in group]
        errors = [abs(float(np.log(each.without_ms / each.measured_ms))) for each in held_out]
        laws[number_format] = _law(group, start, max(LEAST_SPREAD, float(np.expm1(max(errors)))))
        checks += held_out
    return laws, tuple(checks)


def _law(group: Sequence[Probed], start: dict[str, float], spread: float) -> Law:
    prices = _prices(_rows(group, start))
    start_ns = prices.pop(_START, 0.0)
    totals, latencies = [each.amounts for each in group], [each.whole_ms for each in group]
    return Law(
        start_ms=round(start_ns / 1e6, 6),
        prices_ns={name: float(f"{price:.4g}") for name, price in sorted(prices.items())},
        largest={name: REACH * max(each.get(name, 0.0) for each in totals) for name in sorted(prices)},
        least_ms=min(latencies) / REACH,
        most_ms=max(latencies) * REACH,
        spread=round(spread, 3),
        measurements=sum(len(each.works) for each in group) + len(group),
    )


Row = tuple[dict[str, float], float, float]  # amounts, milliseconds, weight


def _rows(group: Sequence[Probed], start: dict[str, float]) -> list[Row]:
    """Operators by relative error, but not below the floor; wholes for several operators each."""
    rows: list[Row] = []
    for each in group:
        for work, ms in each.works:
            if ms is not None:
                rows.append((dict(work.amounts), ms, 1 / (ms + _FLOOR * each.whole_ms)))
        rows.append(({**each.amounts, **start}, each.whole_ms, _WHOLE / each.whole_ms))
    return rows


def _without(left: Probed, group: Sequence[Probed], start: dict[str, float]) -> float:
    """The latency of a network by the others; of its own operators only those count whose kinds the others lack."""
    others = [each for each in group if each is not left]
    known = {name for each in others for name in each.amounts}
    own = [(work, ms) for work, ms in left.works if not known.issuperset(work.amounts)]
    rows: list[Row] = [
        (dict(work.amounts), ms, 1 / (ms + _FLOOR * left.whole_ms)) for work, ms in own if ms is not None
    ]
    prices = _prices([*_rows(others, start), *rows])
    return sum(prices.get(name, 0.0) * amount for name, amount in {**left.amounts, **start}.items()) / 1e6


def _prices(rows: Sequence[Row]) -> dict[str, float]:
    """Nanoseconds per unit."""
    names = sorted({name for amounts, _, _ in rows for name in amounts})
    weights = np.array([weight for _, _, weight in rows])
    matrix = np.array([[amounts.get(name, 0.0) for name in names] for amounts, _, _ in rows]) * weights[:, None]
    lengths = np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
    target = np.array([ms * 1e6 for _, ms, _ in rows]) * weights
    return dict(zip(names, (nonnegative_least_squares(matrix / lengths, target) / lengths).tolist()))


def summary(found: Calibration) -> list[list[Any]]:
    """Rows for a table: network, measured, by a law fitted without it, and how far that is off."""
    return [
        [each.network, f"{each.measured_ms:.3g} ms", f"{each.without_ms:.3g} ms",
         f"{each.without_ms / each.measured_ms - 1:+.0%}"]
        for each in found.checks
    ]  # fmt: skip

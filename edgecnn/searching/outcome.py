"""From what was found to the result: a row per candidate, the best, its recipe."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgecnn.core.text import counted
from edgecnn.estimation import Estimate
from edgecnn.searching.candidate import Candidate
from edgecnn.searching.constraints import Miss, asked, missed
from edgecnn.searching.finalist import recipe_of
from edgecnn.searching.front import Point, front
from edgecnn.searching.record import Finalist, Measured, Network, Row, SearchResult, Trial
from edgecnn.searching.task import Task
from edgecnn.searching.toml_text import toml

STATES = ("best", "front", "finalist", "trial", "not tried", "discarded")


@dataclass(frozen=True)
class Found:
    """All that a search found; networks and trials by the network's key, the rest by the candidate's."""

    task: Task
    networks: Mapping[str, Network]
    estimates: Mapping[str, Estimate]
    misses: Mapping[str, Miss]
    trials: Mapping[str, Trial]
    finalists: Mapping[str, Finalist]
    measured: Mapping[str, Measured]


def result(found: Found, seconds: float) -> SearchResult:
    """The result of what was found.

    Args:
        found: all of it.
        seconds: that it took.
    """
    rows = [_row(candidate, found) for candidate in found.task.candidates]
    rows = _with_front(rows, found)
    rows.sort(key=lambda row: (STATES.index(row.state), -(row.accuracy.percent if row.accuracy else 0.0)))
    measured = (each.metric for each in found.finalists.values())
    metrics = [metric for metric in (*measured, *(each.metric for each in found.trials.values())) if metric]
    settings = found.task.settings
    return SearchResult(
        data=settings.data,
        device=settings.place.device or "",
        basis=next(iter(found.estimates.values())).basis,
        constraints=asked(settings.constraints),
        metric=metrics[0] if metrics else "",
        rows=tuple(rows),
        best=next((row.candidate.key for row in rows if row.state == "best"), ""),
        board_runs=len(found.measured),
        trained_images=_trained_images(found),
        seconds=round(seconds, 1),
        notes=tuple(_notes(rows, found)),
    )


def _row(candidate: Candidate, found: Found) -> Row:
    estimate, miss = found.estimates.get(candidate.key), found.misses.get(candidate.key)
    network, trial = found.networks[candidate.network_key], found.trials.get(candidate.network_key)
    row = Row(candidate, "not tried", size_bytes=network.size_bytes.get(candidate.scheme, 0))
    if estimate is not None and estimate.latency_ms is not None:
        row = dataclasses.replace(
            row,
            latency_ms=estimate.latency_ms,
            interval_ms=estimate.interval_ms,
            latency_kind="estimated",
            estimated_ms=estimate.latency_ms,
            energy_mj=estimate.energy_mj,
        )
    if miss is not None:
        return dataclasses.replace(row, state="discarded", reason=miss.sentence)
    if trial is not None and trial.error:
        return dataclasses.replace(row, state="discarded", reason=f"Its trial failed: {trial.error}")
    if trial is not None:
        row = dataclasses.replace(
            row, state="trial", accuracy=trial.accuracy, accuracy_kind="trial", images=trial.images
        )
    finalist = found.finalists.get(candidate.key)
    return row if finalist is None else _finalist(row, finalist, found)


def _finalist(row: Row, finalist: Finalist, found: Found) -> Row:
    if finalist.error:
        return dataclasses.replace(row, state="discarded", reason=f"It could not be made: {finalist.error}")
    row = dataclasses.replace(
        row,
        state="finalist",
        accuracy=finalist.accuracy,
        accuracy_kind="artifact",
        size_bytes=finalist.size_bytes,
        images=found.task.images,
    )
    measured = found.measured.get(row.candidate.key)
    if measured is not None and measured.error:
        return dataclasses.replace(row, state="discarded", reason=f"It could not be measured: {measured.error}")
    if measured is not None:
        row = dataclasses.replace(
            row, latency_ms=measured.latency_ms, interval_ms=measured.interval_ms, latency_kind=measured.kind
        )
    miss = missed(row, found.task.settings.constraints)
    return row if miss is None else dataclasses.replace(row, reason=miss.sentence)


def _with_front(rows: Sequence[Row], found: Found) -> list[Row]:
    """The finalists that no other beats, and the most accurate of those that meet the constraints."""
    finalists = [row for row in rows if row.state == "finalist"]
    known = [_point(row) for row in finalists]
    ahead = {finalists[place].candidate.key for place in front(known)}
    good = [row for row in finalists if not row.reason]
    best = max(good, key=lambda row: (_point(row).accuracy, -_point(row).latency_ms), default=None)
    states = {**dict.fromkeys(ahead, "front"), **({best.candidate.key: "best"} if best else {})}
    return [dataclasses.replace(row, state=states.get(row.candidate.key, row.state)) for row in rows]


def _point(row: Row) -> Point:
    return Point(row.latency_ms or 0.0, row.accuracy.percent if row.accuracy else 0.0)


def _trained_images(found: Found) -> int:
    """Each training's images once; a network that went on to a higher budget was trained at the lower ones too."""
    rungs = sorted({trial.images for trial in found.trials.values()})
    tried = sum(sum(rung for rung in rungs if rung <= trial.images) for trial in found.trials.values())
    return tried + found.task.images * len(found.finalists)


def _notes(rows: Sequence[Row], found: Found) -> Iterator[str]:
    if any(row.latency_kind == "too noisy" for row in rows):
        yield "Latencies marked too noisy were measured while other programs ran; measure again on a quiet device."
    if any(row.latency_kind == "emulated" for row in rows):
        yield "The device is an emulator, whose latencies say nothing about a real board."
    if found.task.settings.place.device is None:
        yield "No device was measured: all latencies are estimated."
    outside = [row for row in rows if _is_outside(row, found.estimates)]
    if outside:
        yield (
            f"{counted(len(outside), 'measurement')} outside the interval of the estimate: the candidates that were "
            "discarded by it may be wrong too. Calibrate the device again: edgecnn devices calibrate "
            f"{found.task.settings.place.device}"
        )
    yield from found.task.laws.notes


def _is_outside(row: Row, estimates: Mapping[str, Estimate]) -> bool:
    interval = estimates[row.candidate.key].interval_ms if row.latency_kind == "measured" else None
    return interval is not None and not interval[0] <= (row.latency_ms or 0.0) <= interval[1]


def best_recipe(found: SearchResult, task: Task) -> str:
    """The recipe of the best model as TOML, with a [profile] for the device."""
    row = next(row for row in found.rows if row.state == "best")
    recipe = recipe_of(row.candidate, task.template, task.settings.effort.seed)
    if task.settings.place.device is not None:
        recipe["profile"] = {"device": task.settings.place.device, "threads": [task.threads]}
    return f"# Found by `edgecnn search`: {sentence(row, found.metric)}\n\n{toml(recipe)}"


def sentence(row: Row, metric: str) -> str:
    """A finalist in a line."""
    latency = f"{row.latency_ms:.3g} ms ({row.latency_kind})" if row.latency_ms else row.latency_kind
    return f"{row.candidate.name}: {metric} {row.accuracy}, {latency}, {row.size_bytes / 1e6:.2f} MB"


def nearest(found: SearchResult, task: Task) -> str:
    """What to say where no finalist meets the constraints."""
    finalists = [row for row in found.rows if row.state in ("front", "finalist")]
    misses = [(missed(row, task.settings.constraints), row) for row in finalists]
    miss, row = min(((miss, row) for miss, row in misses if miss is not None), key=lambda pair: pair[0].ratio)
    return (
        f"None of the {counted(len(finalists), 'finalist')} meets the constraints. The nearest is "
        f"{row.candidate.name}: {miss.sentence} Relax the constraint, or give more --finalists."
    )

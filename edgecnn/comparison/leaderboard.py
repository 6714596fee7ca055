"""The table of several models: a row each, and paired tests between those that saw the same images."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgecnn.comparison.candidate import Candidate
from edgecnn.comparison.settings import CompareSettings
from edgecnn.core.statistics import paired_drop
from edgecnn.core.text import counted
from edgecnn.estimation import Estimate
from edgecnn.estimation.record import Positive
from edgecnn.profiling import Profile
from edgecnn.profiling.compare import Comparison
from edgecnn.runtime.model.records import Share
from edgecnn.runtime.model.validation import Record
from edgecnn.verification import Verification

_NOTHING = float("inf")
_NOWHERE = "it was neither measured (--measure DEVICE, --profile FILE) nor estimated (--board, --device)"
Place = tuple[str, int]
"""A device and its number of threads."""


@dataclass(frozen=True)
class Latency(Record):
    """One latency of a model.

    Attributes:
        device: that it is of.
        threads: of the processor.
        latency_ms: median of the measured runs, or the estimate.
        kind: "measured", "estimated", "too noisy" (measured) or "emulated".
        interval_ms: of the median, or of the estimate.
        fps: inferences a second, one after another: as measured, or 1000 by the estimate.
        energy_mj: of one inference, where an estimate says it.
    """

    device: str
    threads: int
    latency_ms: Positive
    interval_ms: tuple[Positive, Positive]
    kind: str
    fps: Positive
    energy_mj: float | None = None

    @property
    def place(self) -> Place:
        """Where it is of; only latencies of one place can be compared."""
        return self.device, self.threads

    @property
    def decides(self) -> bool:
        """Whether rows may be sorted and left out by it."""
        return self.kind in ("measured", "estimated")


@dataclass(frozen=True)
class Standing(Record):
    """One model.

    Attributes:
        model: as it was given: a file's name without its ending, or a folder's.
        sha256: digest of the file.
        size_bytes: of the file.
        data: DATA that it was verified on.
        metric: what `accuracy` is, for example "top1"; empty where the model was not verified with labels.
        accuracy: of the artifact, with its 95 % interval.
        images: digest of the images and their labels or boxes; only equal ones can be compared.
        behind: points of accuracy less than the first row's, on the same images, with the paired interval; None where
            the images differ, or it is the first.
        latencies: measured ones first.
        no_latency: why there is none that rows may be sorted by; empty where there is one.
        not_estimated: why an estimate that was asked for is missing; empty where there is one, or none was asked for.
    """

    model: str
    sha256: str
    size_bytes: int
    metric: str = ""
    accuracy: Share | None = None
    data: str = ""
    images: str = ""
    behind: Share | None = None
    latencies: tuple[Latency, ...] = ()
    no_latency: str = ""
    not_estimated: str = ""

    def latency_at(self, place: Place | None) -> float:
        """Milliseconds, by which rows are sorted and left out; infinite where none is known that decides."""
        known = (each.latency_ms for each in self.latencies if each.decides and each.place == place)
        return next(known, _NOTHING)


@dataclass(frozen=True)
class Leaderboard(Record):
    """All models, the best first.

    Attributes:
        left_out: names of models beyond a bound.
        ratios: latencies of interleaved runs, where a device was named.
        notes: what a reader should know, in sentences.
    """

    rows: tuple[Standing, ...]
    left_out: tuple[str, ...] = ()
    ratios: tuple[Comparison, ...] = ()
    notes: tuple[str, ...] = ()


def leaderboard(
    found: Sequence[Candidate],
    settings: CompareSettings,
    estimates: Callable[[Candidate], Sequence[Estimate]] = lambda candidate: (),
    ratios: Sequence[Comparison] = (),
) -> Leaderboard:
    """Sort and bound the models, and compare each with the best on the same images.

    Args:
        found: the models.
        settings: order and bounds.
        estimates: of a model, for boards that are not at hand.
        ratios: of interleaved runs.
    """
    rows = [(each.verification, _standing(each, estimates(each))) for each in found]
    place = _place([row for _, row in rows])
    kept = sorted(
        (pair for pair in rows if _within(pair[1], settings, place)),
        key=lambda pair: _rank(pair[1], settings.sort, place),
    )
    compared = [_behind(row, verification, kept[0][0]) for verification, row in kept]
    left_out = tuple(row.model for _, row in rows if not _within(row, settings, place))
    by_latency = settings.sort == "latency" or settings.max_latency_ms is not None
    notes = (*_notes(compared), *_of_latencies([row for _, row in rows], place, by_latency))
    return Leaderboard(tuple(compared), left_out, tuple(ratios), notes)


def _place(rows: Sequence[Standing]) -> Place | None:
    """Where most models have a latency that decides; of several such places the first."""
    counts = Counter(place for row in rows for place in {each.place: 0 for each in row.latencies if each.decides})
    return max(counts, key=lambda place: counts[place], default=None)


def _standing(candidate: Candidate, estimates: Sequence[Estimate]) -> Standing:
    verification = candidate.verification
    measured = [_measured(profile) for profile in candidate.profiles]
    latencies = (*measured, *(each for estimate in estimates for each in _estimated(estimate)))
    refusal = next((estimate.refusal.rstrip(".") for estimate in estimates if estimate.refusal), "")
    missing = "" if any(each.decides for each in latencies) else _no_latency(measured, refusal)
    row = Standing(
        candidate.name, candidate.file.sha256, len(candidate.file.data), latencies=latencies, no_latency=missing,
        not_estimated=refusal,
    )  # fmt: skip
    if verification is None or not verification.metrics:
        return row
    metric, values = next(iter(verification.metrics.items()))
    images = verification.data_sha256
    return replace(row, metric=metric, accuracy=values.artifact, data=verification.data, images=images)


def _no_latency(measured: Sequence[Latency], refusal: str) -> str:
    """Why there is none that decides."""
    if measured:
        return f"it is {measured[0].kind}"
    return f"not estimated: {refusal}" if refusal else _NOWHERE


def _measured(profile: Profile) -> Latency:
    best = profile.best
    kind = "emulated" if profile.emulated else "too noisy" if best.noise.too_noisy else "measured"
    measured = best.measurement
    return Latency(
        profile.device, measured.threads, measured.latency_ms.median, best.median_interval_ms, kind,
        measured.throughput_fps,
    )  # fmt: skip


def _estimated(estimate: Estimate) -> Iterator[Latency]:
    if estimate.latency_ms is not None and estimate.interval_ms is not None:
        threads = estimate.basis.threads
        yield Latency(
            estimate.device,
            threads,
            estimate.latency_ms,
            estimate.interval_ms,
            "estimated",
            round(1000 / estimate.latency_ms, 3),
            estimate.energy_mj,
        )


def _within(row: Standing, settings: CompareSettings, place: Place | None) -> bool:
    """Whether a model keeps the bounds; what is not known of it keeps none."""
    bounds = (
        (settings.max_latency_ms, row.latency_at(place)),
        (settings.max_size_mb, row.size_bytes / 1e6),
        (None if settings.min_accuracy is None else -settings.min_accuracy, -_percent(row)),
    )
    return all(bound is None or value <= bound for bound, value in bounds)


def _percent(row: Standing) -> float:
    return -_NOTHING if row.accuracy is None else row.accuracy.percent


def _rank(row: Standing, order: str, place: Place | None) -> tuple[float, ...]:
    latency_ms = row.latency_at(place)
    keys = {"accuracy": -_percent(row), "latency": latency_ms, "size": float(row.size_bytes)}
    return keys[order], -_percent(row), latency_ms, row.size_bytes


def _behind(row: Standing, verification: Verification | None, first: Verification | None) -> Standing:
    """The row with the paired difference to the first one."""
    if verification is None or first is None or verification is first:
        return row
    if verification.data_sha256 != first.data_sha256 or verification.task != first.task:
        return row
    best, other = _right(first), _right(verification)
    if best is None or other is None or len(best) != len(other):
        return row
    return replace(row, behind=paired_drop(best, other))


def _right(verification: Verification) -> np.ndarray | None:
    """Whether the artifact is right, bool (images,)."""
    if verification.right is None:
        return None
    bits = np.unpackbits(np.frombuffer(base64.b64decode(verification.right), np.uint8))
    return bits[: verification.pictures].astype(bool)


def _of_latencies(rows: Sequence[Standing], place: Place | None, by_latency: bool) -> Iterator[str]:
    """By which latency rows are sorted or left out, and why some have none."""
    where = f" on {place[0]} with {counted(place[1], 'thread')}" if place else ""
    if by_latency and place is not None:
        yield f"Rows are sorted and left out by their latency{where}."
    if {row.no_latency for row in rows} == {_NOWHERE}:
        yield f"No model has a latency: each {_NOWHERE.removeprefix('it ')}."
        return
    for row in rows:
        if row.no_latency:
            yield f"{row.model} has no latency that decides: {row.no_latency}."
        elif by_latency and row.latency_at(place) == _NOTHING:
            yield f"{row.model} has no latency{where}, so it can't be compared with the others."
        if row.not_estimated and row.not_estimated not in row.no_latency:
            yield f"{row.model} is not estimated: {row.not_estimated}."


def _notes(rows: Sequence[Standing]) -> Iterator[str]:
    if rows and all(row.accuracy is None for row in rows):
        yield "No model has an accuracy: --verification FILE, of `edgecnn verify --json FILE` on labeled images."
    if len({row.images for row in rows if row.accuracy}) > 1:
        yield "Not all models were verified on the same images: their accuracies can't be compared with each other."
    if any(latency.kind == "too noisy" for row in rows for latency in row.latencies):
        yield "Latencies marked too noisy were measured on a busy machine; they decide nothing."
    if any(latency.kind == "estimated" for row in rows for latency in row.latencies):
        yield "Estimated latencies were not measured; `edgecnn estimate` says what they rest on."
    if len({latency.device for row in rows for latency in row.latencies}) > 1:
        yield "Latencies of different devices can't be compared with each other."

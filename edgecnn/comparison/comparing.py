"""From files and folders of models to the table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.comparison.candidate import Candidate, candidates
from edgecnn.comparison.leaderboard import Leaderboard, leaderboard
from edgecnn.comparison.settings import CompareSettings
from edgecnn.core.errors import UsageError
from edgecnn.core.progress import Progress, silent
from edgecnn.core.text import to_stderr
from edgecnn.estimation import estimate, known
from edgecnn.estimation.settings import EstimateSettings

if TYPE_CHECKING:
    from edgecnn.profiling.compare import Comparison


def compare_candidates(
    models: Sequence[str | Path],
    settings: CompareSettings,
    place: EstimateSettings,
    *,
    verifications: Sequence[str | Path] = (),
    profiles: Sequence[str | Path] = (),
    measure: str | None = None,
    progress: Progress = silent,
    note: Callable[[str], None] = to_stderr,
) -> Leaderboard:
    """Several models side by side.

    Args:
        models: `.tflite` files, or folders that `edgecnn run` wrote.
        settings: order and bounds.
        place: board or device whose latency and energy are estimated where they were not measured; none by default.
        verifications: results of `verify`, as JSON files; each is of one of the models.
        profiles: the same of `profile`.
        measure: device on which the models are timed, interleaved with the first one; None for none.
        progress: told what the device does.
        note: told what a person who waits wants to know.

    Raises:
        UsageError: there are no models, a folder holds no artifact, or a result is of none of the models.
        EdgecnnError: a file is damaged, nobody has measured the board, or the device can't be reached.
    """
    if not models:
        raise UsageError("There are no models to compare; expected .tflite files or folders of runs.")
    found = candidates(*([str(path) for path in paths] for paths in (models, verifications, profiles)))
    ratios: tuple[Comparison, ...] = ()
    estimated = place.is_given and not (measure and place == EstimateSettings(threads=place.threads))
    if estimated:
        known.chosen(place)  # refused here, it costs no measurement
    if measure:
        found, ratios = _timed(found, measure, place.threads, progress, note)
    return leaderboard(found, settings, lambda each: estimate(each.file, place) if estimated else (), ratios)


def _timed(
    found: Sequence[Candidate], device: str, threads: int | None, progress: Progress, note: Callable[[str], None]
) -> tuple[tuple[Candidate, ...], tuple[Comparison, ...]]:
    """The models with profiles of the device, and ratios to the first one from interleaved runs."""
    from edgecnn.devices import open_device
    from edgecnn.profiling import profile
    from edgecnn.profiling.compare import compare

    with open_device(device, note, progress) as opened:
        profiles = [profile(each.file, opened, threads=threads) for each in found]
        ratios = [compare(found[0].file, each.file, opened, threads=threads) for each in found[1:]]
    timed = (replace(each, profiles=(made, *each.profiles)) for each, made in zip(found, profiles))
    return tuple(timed), tuple(ratios)

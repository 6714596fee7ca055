"""Several models side by side: what `edgecnn compare` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.api.notebook import progress_or
from edgecnn.comparison.settings import CompareSettings
from edgecnn.core.progress import Progress
from edgecnn.estimation.settings import EstimateSettings

if TYPE_CHECKING:
    from edgecnn.comparison.leaderboard import Leaderboard

NOWHERE = EstimateSettings()


def compare(
    models: Sequence[str | Path],
    page: str | Path | None = None,
    *,
    verifications: Sequence[str | Path] = (),
    profiles: Sequence[str | Path] = (),
    measure: str | None = None,
    place: EstimateSettings = NOWHERE,
    progress: Progress | None = None,
    **order: Any,
) -> Leaderboard:
    """Accuracy with paired tests on the same images, size, latency, frames per second and energy of several models.

    Args:
        models: `.tflite` files, or folders that `run` wrote, whose verification and profile are used.
        page: `.html` file to write; None for none.
        verifications: results of `edgecnn verify --json FILE`, each of one of the models.
        profiles: results of `edgecnn profile --json FILE`.
        measure: device on which the models are timed, interleaved with the first one.
        place: board or calibrated device for which is estimated what was not measured, as `estimate` does.
        progress: called with (stage, done, total).
        **order: sort ("accuracy", "latency" or "size"), min_accuracy in percent, max_latency_ms and max_size_mb.

    Raises:
        UsageError: a folder holds no artifact, a result is of none of the models, or an order is unknown.
        EdgecnnError: a file is damaged, nobody has measured the board, or the device can't be reached.
    """
    from edgecnn.comparison.comparing import compare_candidates
    from edgecnn.comparison.page import leaderboard_page
    from edgecnn.core.files import write_text

    found = compare_candidates(
        models, CompareSettings.of(order), place, verifications=verifications, profiles=profiles, measure=measure,
        progress=progress_or(progress),
    )  # fmt: skip
    if page is not None:
        write_text(page, leaderboard_page(found))
    return found

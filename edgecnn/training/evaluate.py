"""How good a model is on annotated inputs, by its task."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.progress import Progress, silent
from edgecnn.tasks import Score
from edgecnn.training.rows import TrainingRows

BATCH = 128
_MOST_VALUES = BATCH * 224 * 224 * 3  # of a batch of larger images, whose activations would not fit into memory

__all__ = ["BATCH", "Score", "predictions", "score"]


def score(model: Callable[[Any], Any], rows: TrainingRows) -> Score:
    """Evaluate, without augmentation.

    Args:
        model: batch of inputs -> outputs.
        rows: annotated inputs.
    """

    def condensed(outputs: list[np.ndarray], start: int) -> list[np.ndarray]:
        return rows.task.condensed(outputs, rows.truths[start : start + len(outputs[0])], rows.contract)

    return rows.task.score(predictions(model, rows, condensed=condensed), rows.truths, rows.contract)


def predictions(
    model: Callable[[Any], Any],
    rows: TrainingRows,
    progress: Progress = silent,
    stage: str = "",
    condensed: Callable[[list[np.ndarray], int], list[np.ndarray]] = lambda outputs, start: outputs,
) -> list[np.ndarray]:
    """Each output for every input, float32 (count, ...). The last batch is filled up, so that there is one shape.

    Args:
        model: batch of inputs -> outputs.
        rows: the inputs.
        progress: told how many are done.
        stage: what it is told.
        condensed: what is kept of the outputs of a batch, and the row at which that begins.
    """
    parts = predicted_parts(model, rows, progress, stage, condensed)
    return [np.concatenate(each).astype(np.float32) for each in zip(*parts)]


def predicted_parts(
    model: Callable[[Any], Any],
    rows: TrainingRows,
    progress: Progress = silent,
    stage: str = "",
    condensed: Callable[[list[np.ndarray], int], list[np.ndarray]] = lambda outputs, start: outputs,
) -> Iterator[list[np.ndarray]]:
    """The same, a batch at a time."""
    size = min(BATCH, len(rows), max(1, _MOST_VALUES // math.prod(rows.inputs.shape[1:])))
    for start in range(0, len(rows), size):
        positions = np.minimum(np.arange(start, start + size), len(rows) - 1)
        found = model(tf.constant(rows.batch(positions)))
        outputs = found if isinstance(found, (list, tuple)) else [found]
        yield condensed([np.asarray(output)[: len(rows) - start] for output in outputs], start)
        progress(stage, min(start + size, len(rows)), len(rows))

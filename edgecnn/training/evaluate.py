"""How good a model is on annotated inputs, by its task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.progress import Progress, silent
from edgecnn.tasks import Score
from edgecnn.training.rows import TrainingRows

BATCH = 128

__all__ = ["BATCH", "Score", "predictions", "score"]


def score(model: Callable[[Any], Any], rows: TrainingRows) -> Score:
    """Evaluate, without augmentation.

    Args:
        model: batch of inputs -> outputs.
        rows: annotated inputs.
    """
    return rows.task.score(predictions(model, rows), rows.truths, rows.contract)


def predictions(
    model: Callable[[Any], Any], rows: TrainingRows, progress: Progress = silent, stage: str = ""
) -> list[np.ndarray]:
    """Each output for every input, float32 (count, ...). The last batch is filled up, so that there is one shape."""
    parts = []
    size = min(BATCH, len(rows))
    for start in range(0, len(rows), size):
        positions = np.minimum(np.arange(start, start + size), len(rows) - 1)
        found = model(tf.constant(rows.batch(positions)))
        outputs = found if isinstance(found, (list, tuple)) else [found]
        parts.append([np.asarray(output)[: len(rows) - start] for output in outputs])
        progress(stage, min(start + size, len(rows)), len(rows))
    return [np.concatenate(each).astype(np.float32) for each in zip(*parts)]

"""How good a model is on labeled inputs: loss, accuracy, confusion matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.progress import Progress, silent
from edgecnn.training.rows import Source

BATCH = 128


@dataclass(frozen=True)
class Score:
    """What was measured.

    Attributes:
        loss: mean cross-entropy, in nats.
        accuracy_percent: top-1.
        confusion: int64 (classes, classes), pictures by true class (rows) and answer (columns).
    """

    loss: float
    accuracy_percent: float
    confusion: np.ndarray


def score(logits: Callable[[Any], Any], source: Source) -> Score:
    """Evaluate, without augmentation.

    Args:
        logits: batch of inputs -> (batch, classes).
        source: labeled inputs.
    """
    outputs = predictions(logits, source)
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    losses = log_sums - shifted[np.arange(len(source)), source.labels]
    answers = outputs.argmax(axis=1)
    confusion = np.zeros((source.classes, source.classes), np.int64)
    np.add.at(confusion, (source.labels, answers), 1)
    return Score(float(losses.mean()), 100 * float((answers == source.labels).mean()), confusion)


def predictions(
    logits: Callable[[Any], Any], source: Source, progress: Progress = silent, stage: str = ""
) -> np.ndarray:
    """Outputs for every input, float32 (count, outputs). The last batch is filled up, so that there is one shape."""
    parts = []
    size = min(BATCH, len(source))
    for start in range(0, len(source), size):
        positions = np.minimum(np.arange(start, start + size), len(source) - 1)
        outputs = np.asarray(logits(tf.constant(source.batch(positions))))
        parts.append(outputs[: len(source) - start])
        progress(stage, min(start + size, len(source)), len(source))
    return np.concatenate(parts).astype(np.float32)

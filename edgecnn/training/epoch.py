"""What one epoch of training came to."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.runtime.model.validation import Record


@dataclass(frozen=True)
class Epoch(Record):
    """One epoch; losses are in nats, accuracies in percent.

    Attributes:
        epoch: number, from 1.
        loss: mean training loss (smoothed and mixed targets, weights and distillation included).
        accuracy_percent: the task's metric on the augmented training images; of a classifier top-1.
        validation_loss: mean loss with the plain annotations.
        validation_accuracy_percent: the task's metric.
        learning_rate: of the head, at the end of the epoch.
        wall_s: time of the epoch with its validation, in this process.
        standard_error_percent: of the metric on the validation images; 0 where the task doesn't say.
    """

    epoch: int
    loss: float
    accuracy_percent: float
    validation_loss: float
    validation_accuracy_percent: float
    learning_rate: float
    wall_s: float
    standard_error_percent: float = 0.0

"""How weights are fitted: one frozen value, refused when it is made if it can't be."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from edgecnn.core.errors import UsageError
from edgecnn.data.augmentation import preset

RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, 100_000),
    "batch_size": (1, 65_536),
    "learning_rate": (0, 10),
    "backbone_learning_rate": (0, 10),
    "weight_decay": (0, 1),
    "warmup": (0, 1),
    "label_smoothing": (0, 0.9),
    "patience": (0, 100_000),
    "save_every_steps": (1, 1_000_000_000),
    "temperature": (0.1, 1000),
    "distillation_weight": (0, 1),
    "seed": (0, 2**31 - 1),
}


@dataclass(frozen=True)
class FitSettings:
    """Settings of one fit.

    Attributes:
        epochs: passes over the training data.
        batch_size: pictures per step, over all workers together.
        learning_rate: highest learning rate of the head, the last layer with weights.
        backbone_learning_rate: the same for all other layers; None for `learning_rate`.
        weight_decay: AdamW's (arXiv:1711.05101), for kernels only; biases and batch norms have none.
        warmup: share of the steps in which the learning rate rises from 0; then it falls to 0 along a cosine
            (arXiv:1608.03983).
        label_smoothing: share of the target that is spread over all classes (arXiv:1512.00567, section 7).
        patience: stop after so many epochs without a better validation accuracy; 0 never stops early.
        augment: a preset of `edgecnn.data.augmentation`.
        class_weights: weigh each picture by the inverse frequency of its class.
        keep_best: end with the weights of the epoch with the best validation accuracy, not with the last ones.
        save_every_steps: a checkpoint is written at the end of each epoch, and after so many steps within it.
        temperature: of distillation (arXiv:1503.02531); both softmaxes are softened by it.
        distillation_weight: share of the loss that compares with the teacher rather than with the labels.
        seed: of order, augmentation and dropout.
    """

    epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 1e-3
    backbone_learning_rate: float | None = None
    weight_decay: float = 1e-2
    warmup: float = 0.1
    label_smoothing: float = 0.1
    patience: int = 0
    augment: str = "light"
    class_weights: bool = False
    keep_best: bool = True
    save_every_steps: int = 500
    temperature: float = 4.0
    distillation_weight: float = 0.7
    seed: int = 0

    def __post_init__(self) -> None:
        preset(self.augment)
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise UsageError(f"The training setting {name} is {value}; expected {low} to {high}.")

    def replace(self, **changes: Any) -> FitSettings:
        """A copy with some fields changed; a change to None keeps the field."""
        return dataclasses.replace(self, **{name: value for name, value in changes.items() if value is not None})

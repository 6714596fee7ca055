"""What makes the targets of a batch, and what a loss may be tuned by."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from edgecnn.data.augmentation.draw import Draw


class LossSettings(Protocol):
    """What a loss may be tuned by; `edgecnn.training.FitSettings` has it."""

    @property
    def label_smoothing(self) -> float:
        """Share of the target that is spread over all classes."""

    @property
    def augment(self) -> str:
        """The augmentation preset, see `edgecnn.data.augmentation`."""

    @property
    def class_weights(self) -> bool:
        """Whether each image is weighted by the inverse frequency of its class."""

    @property
    def class_loss(self) -> str:
        """The classification loss of detectors, see `edgecnn.tasks.box_losses`."""

    @property
    def box_loss(self) -> str:
        """The localization loss of detectors, see `edgecnn.tasks.box_losses`."""

    @property
    def temperature(self) -> float:
        """Of distillation."""

    @property
    def distillation_weight(self) -> float:
        """Share of the loss that compares with the teacher."""


class Encoder(Protocol):
    """Makes the targets of a batch."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image's target."""

    def __call__(self, own: np.ndarray, partners: np.ndarray, changes: Draw) -> tuple[np.ndarray, np.ndarray]:
        """Targets, float32 (batch, *shape), and the weight of each image's loss, float32 (batch,).

        Args:
            own: rows of the truths, int (batch,).
            partners: rows of those that are mixed in.
            changes: what augmentation does to these images: transforms, what is mixed in; the tiles of mosaics are rows
                of the truths.
        """

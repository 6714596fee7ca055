"""Everything learns, from random weights or any others."""

from __future__ import annotations

from edgecnn.training.model import unfreeze
from edgecnn.training.settings import FitSettings
from edgecnn.training.trainer import Phase, Trainer

DEFAULTS = FitSettings(epochs=30, batch_size=128, learning_rate=2e-3, weight_decay=2e-2, augment="light")


def run(trainer: Trainer) -> list[Phase]:
    """Train all layers."""
    unfreeze(trainer.model, batch_norms=True)
    return [trainer.fit("scratch", trainer.settings(DEFAULTS, "scratch"))]

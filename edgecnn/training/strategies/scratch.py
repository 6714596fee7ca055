"""Everything learns, from random weights or any others."""

from __future__ import annotations

from edgecnn.training.model import let_statistics_follow, unfreeze
from edgecnn.training.settings import FitSettings
from edgecnn.training.trainer import Phase, Trainer

DEFAULTS = FitSettings(epochs=30, batch_size=128, learning_rate=2e-3, weight_decay=2e-2, augment="light")


def run(trainer: Trainer) -> list[Phase]:
    """Train all layers."""
    settings = trainer.settings(DEFAULTS, "scratch")
    unfreeze(trainer.model, batch_norms=True)
    let_statistics_follow(trainer.model, settings.epochs * -(-len(trainer.train) // settings.batch_size))
    return [trainer.fit("scratch", settings)]

"""Everything learns, from random weights or any others."""

from __future__ import annotations

from edgecnn.training.model import unfreeze
from edgecnn.training.settings import FitSettings
from edgecnn.training.task import Stage, Task

DEFAULTS = FitSettings(epochs=30, batch_size=128, learning_rate=2e-3, weight_decay=2e-2, augment="light")


def run(task: Task) -> list[Stage]:
    """Train all layers."""
    unfreeze(task.model, batch_norms=True)
    return [task.fit("scratch", task.settings(DEFAULTS))]

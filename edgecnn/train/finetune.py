"""A pretrained model learns further, its backbone more slowly than its head; batch norms keep their statistics."""

from __future__ import annotations

from edgecnn.train._model import unfreeze
from edgecnn.train._settings import FitSettings
from edgecnn.train._task import Stage, Task

UNFREEZES = True  # understands --unfreeze
DEFAULTS = FitSettings(epochs=8, batch_size=64, learning_rate=1e-3, backbone_learning_rate=1e-4, augment="light")


def run(task: Task) -> list[Stage]:
    """Fine-tune."""
    unfreeze(task.model, task.unfreeze)
    return [task.fit("finetune", task.settings(DEFAULTS))]

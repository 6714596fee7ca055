"""A pretrained model learns further, its backbone more slowly than its head; batch norms keep their statistics."""

from __future__ import annotations

from edgecnn.training.model import blocks_from, unfreeze
from edgecnn.training.settings import FitSettings
from edgecnn.training.trainer import Phase, Trainer

UNFREEZES = True  # understands --unfreeze
DEFAULTS = FitSettings(epochs=8, batch_size=64, learning_rate=1e-3, backbone_learning_rate=1e-4, augment="light")


def run(trainer: Trainer) -> list[Phase]:
    """Fine-tune; a task may leave the first blocks as they are, unless the user says how many learn."""
    blocks, stride = trainer.unfreeze, trainer.task.learns_from_stride
    if blocks is None and stride:
        blocks = blocks_from(trainer.model, stride)
    unfreeze(trainer.model, blocks, own_layers=trainer.task.own_layers(trainer.model))
    return [trainer.fit("finetune", trainer.settings(DEFAULTS, "finetune"))]

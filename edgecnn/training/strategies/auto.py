"""First the head on cached features, then everything: fine-tuning does not start from a random head."""

from __future__ import annotations

from edgecnn.training.settings import FitSettings
from edgecnn.training.strategies import finetune, head
from edgecnn.training.trainer import Phase, Trainer

UNFREEZES = True  # understands --unfreeze
DEFAULTS = finetune.DEFAULTS


def run(trainer: Trainer) -> list[Phase]:
    """Both; settings of the user apply to the fine-tuning, the seed and the class weights to both.

    A head that is more than the last layer learns with the rest.
    """
    if not trainer.task.features_first:
        return finetune.run(trainer)
    return [head.train_head(trainer, _head_settings(trainer)), *finetune.run(trainer)]


def _head_settings(trainer: Trainer) -> FitSettings:
    names = ("seed", "class_weights", "label_smoothing", "temperature", "distillation_weight")
    shared = {name: trainer.overrides.get(name) for name in names}
    return head.DEFAULTS.replace(**shared)

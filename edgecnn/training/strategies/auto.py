"""First the head on cached features, then everything: fine-tuning does not start from a random head."""

from __future__ import annotations

from edgecnn.training.settings import FitSettings
from edgecnn.training.strategies import finetune, head
from edgecnn.training.task import Stage, Task

UNFREEZES = True  # understands --unfreeze
DEFAULTS = finetune.DEFAULTS


def run(task: Task) -> list[Stage]:
    """Both; settings of the user apply to the fine-tuning, the seed and the class weights to both."""
    return [head.train_head(task, _head_settings(task)), *finetune.run(task)]


def _head_settings(task: Task) -> FitSettings:
    shared = {name: task.overrides.get(name) for name in ("seed", "class_weights", "label_smoothing")}
    return head.DEFAULTS.replace(**shared)

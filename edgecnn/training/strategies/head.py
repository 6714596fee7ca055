"""Only the last layer learns, on features that are computed once and cached; seconds for thousands of pictures."""

from __future__ import annotations

from edgecnn.core.errors import UsageError
from edgecnn.training.features import features
from edgecnn.training.fit import fit
from edgecnn.training.model import head_and_backbone
from edgecnn.training.settings import FitSettings
from edgecnn.training.task import Stage, Task

DEFAULTS = FitSettings(epochs=40, batch_size=256, learning_rate=1e-3, weight_decay=1e-3, patience=10, augment="none")


def run(task: Task) -> list[Stage]:
    """Train the head.

    Raises:
        UsageError: augmentation or distillation is asked for; features know no pictures.
    """
    settings = task.settings(DEFAULTS)
    if settings.augment != "none" or task.teacher is not None:
        asked = "a teacher" if task.teacher is not None else f"--augment {settings.augment}"
        raise UsageError(f"The strategy head trains on cached features, without {asked}. Use finetune or auto.")
    return [train_head(task, settings)]


def train_head(task: Task, settings: FitSettings) -> Stage:
    """Fit the last layer to features."""
    backbone, head = head_and_backbone(task.model)
    train, validation = (features(backbone, source, task.progress) for source in (task.train, task.validation))
    head.trainable = True
    folder = task.folder and task.folder / "head"
    return Stage("head", settings, fit(head, train, validation, settings, folder=folder, progress=task.progress))

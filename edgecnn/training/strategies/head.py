"""Only the last layer learns, on features that are computed once and cached; seconds for thousands of images."""

from __future__ import annotations

from edgecnn.core.errors import UsageError
from edgecnn.training.features import features
from edgecnn.training.fit import fit
from edgecnn.training.model import head_and_backbone
from edgecnn.training.settings import FitSettings
from edgecnn.training.trainer import Phase, Trainer

DEFAULTS = FitSettings(epochs=40, batch_size=256, learning_rate=1e-3, weight_decay=1e-3, patience=10, augment="none")


def run(trainer: Trainer) -> list[Phase]:
    """Train the head.

    Raises:
        UsageError: augmentation or distillation is asked for; features know no images.
    """
    if not trainer.task.features_first:
        raise UsageError(
            f"The strategy head trains the last layer only, and {trainer.task.noun} has more. Use finetune."
        )
    settings = trainer.settings(DEFAULTS, "head")
    if settings.augment != "none" or trainer.teacher is not None:
        asked = "a teacher" if trainer.teacher is not None else f"--augment {settings.augment}"
        raise UsageError(
            f"The strategy head trains on cached features, so it can't be used with {asked}. Use --strategy "
            "finetune or auto."
        )
    return [train_head(trainer, settings)]


def train_head(trainer: Trainer, settings: FitSettings) -> Phase:
    """Fit the last layer to features."""
    backbone, head = head_and_backbone(trainer.model)
    train, validation = (features(backbone, source, trainer.progress) for source in (trainer.train, trainer.validation))
    head.trainable = True
    folder = trainer.folder and trainer.folder / "head"
    return Phase("head", settings, fit(head, train, validation, settings, folder=folder, progress=trainer.progress))

"""Learning a teacher's features: the backbone with a linear projection, which is dropped afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.progress import Progress
from edgecnn.training.fit import fit
from edgecnn.training.model import head_and_backbone, unfreeze
from edgecnn.training.rows import TrainingRows
from edgecnn.training.settings import TrainOptions
from edgecnn.training.trainer import Phase, Strategy

NAME = "distill"
PROJECTION = "teacher_projection"
UNTRAINED_HEAD = (
    "Only the features were trained, on images without labels: the last layer does not fit them. Train the model next "
    "on labeled images: edgecnn train."
)


def learn_features(
    model: Any,
    rows: Mapping[str, TrainingRows],
    strategy: Strategy,
    options: TrainOptions,
    folder: Path | None,
    progress: Progress,
) -> Phase:
    """Fit the model's backbone, in place; its head stays as it was.

    Args:
        model: Keras model that ends in a dense layer.
        rows: "train" and "validation": images whose truths are features.
        strategy: whose settings are used, unless others were given.
        options: what is asked for.
        folder: for checkpoints; None keeps none.
        progress: told what is being done.
    """
    settings = strategy.DEFAULTS.replace(**{**options.overrides, "epochs": options.lesson.distill_epochs})
    unfreeze(model, batch_norms=options.strategy == "scratch")
    backbone, _ = head_and_backbone(model)
    train, validation = rows["train"], rows["validation"]
    projected = keras.layers.Dense(train.truths.shape[1], name=PROJECTION)(backbone.output)
    student = keras.Model(backbone.input, projected, name=f"{model.name}_student")
    history = fit(student, train, validation, settings, folder=folder and folder / NAME, progress=progress)
    return Phase(NAME, settings, history)

"""A recipe's [model]: what `edgecnn build` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecnn.stages._stage import Context, Stage, digest


class Build(Stage):
    """Architecture -> Keras model."""

    name = "model"

    def inputs(self, context: Context) -> Any:
        weights = context.recipe.model.weights
        own_file = digest(weights) if weights not in ("none", "imagenet") else ""
        return [context.recipe.model.model_dump(), own_file]

    def outputs(self, context: Context) -> list[Path]:
        return [context.built]

    def work(self, context: Context) -> None:
        from edgecnn import keras_file
        from edgecnn.models import build_model

        section = context.recipe.model
        options = section.model_dump(exclude={"name", "file"})
        keras_file.save(*build_model(str(section.name), **options), context.built)

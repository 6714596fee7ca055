"""A recipe's [model]: what `edgecnn build` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecnn.recipe.sections import Recipe
from edgecnn.recipe.stage import Context, Stage, digest

POSITION = 10


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
        from edgecnn.builder import build_model
        from edgecnn.float_model import keras_file

        section = context.recipe.model
        options = section.model_dump(exclude={"name", "file"})
        keras_file.save(*build_model(str(section.name), **options), context.built)


def stages(recipe: Recipe) -> Sequence[Stage]:
    """Building, unless the recipe names the file of a model."""
    return [Build()] if recipe.model.file is None else []

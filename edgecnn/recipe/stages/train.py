"""A recipe's [train]: what `edgecnn train` does."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecnn.core import files
from edgecnn.core.errors import UsageError
from edgecnn.recipe.sections import Recipe, TrainSection
from edgecnn.recipe.stage import Context, Stage, data_digest, digest

POSITION = 20


class Train(Stage):
    """Keras model -> Keras model that knows its classes."""

    name = "train"

    def __init__(self, section: TrainSection) -> None:
        self._section = section

    def refuse(self, context: Context) -> None:
        from edgecnn.data import open_data

        for spec in self._data():
            open_data(spec)
        # Only `edgecnn train` knows which worker writes; here each would run all stages into the same folder.
        with contextlib.suppress(ValueError, KeyError, TypeError):  # what is no cluster, training names
            workers = json.loads(os.environ["TF_CONFIG"])["cluster"]["worker"]
            if len(workers) > 1:
                raise UsageError(
                    f"TF_CONFIG names {len(workers)} workers, and a recipe runs on one machine. Train with `edgecnn "
                    "train`, and name the file that it writes in the recipe: [model] file."
                )

    def _data(self) -> list[str]:
        return [spec for spec in (self._section.data, self._section.validation, self._section.test) if spec]

    def inputs(self, context: Context) -> Any:
        section = self._section
        data = [data_digest(spec) for spec in self._data()]
        return [section.model_dump(), digest(context.built), digest(section.teacher) if section.teacher else "", data]

    def outputs(self, context: Context) -> list[Path]:
        return [context.trained, context.training]

    def work(self, context: Context) -> None:
        from edgecnn.float_model import keras_file
        from edgecnn.training import TrainOptions, remove_checkpoints, train

        folder, options = context.folder / "training", TrainOptions(**self._section.options())
        found = train(context.built, options, folder=folder, progress=context.progress)
        keras_file.save(found.model, found.contract, context.trained)
        files.write_json(context.training, found.record().to_dict())
        remove_checkpoints(folder)


def stages(recipe: Recipe) -> Sequence[Stage]:
    """Training, where there is a [train]."""
    return [Train(recipe.train)] if recipe.train else []

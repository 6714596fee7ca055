"""A recipe's [train]: what `edgecnn train` does."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecnn.core import files
from edgecnn.core.errors import RecordError, UsageError
from edgecnn.recipe.section import Recipe, Section
from edgecnn.recipe.stage import Context, Stage, check_model_file, digest
from edgecnn.runtime.model.json_text import parse_json
from edgecnn.training.settings import TrainOptions

POSITION = 20
TRAIN = Section("train", TrainOptions)
SECTIONS = (TRAIN,)


class Train(Stage):
    """Keras model -> Keras model that knows its classes."""

    name = "train"
    model = "trained.keras"

    def __init__(self, options: TrainOptions) -> None:
        self._options = options

    def refuse(self, context: Context) -> None:
        from edgecnn.data import open_data

        for spec in self._data():
            open_data(spec)
        if self._options.teacher:
            check_model_file("train.teacher", self._options.teacher, others={"onnx": "an .onnx file"})
        # Only `edgecnn train` knows which worker writes; here each would run all stages into the same folder.
        with contextlib.suppress(RecordError, KeyError, TypeError):  # what is no cluster, training names
            workers = parse_json(os.environ["TF_CONFIG"])["cluster"]["worker"]
            if len(workers) > 1:
                raise UsageError(
                    f"TF_CONFIG names {len(workers)} workers, but a recipe runs on one machine. Train with "
                    "`edgecnn train`, and give the trained file in the recipe: [model] file."
                )

    def _data(self) -> list[str]:
        own = (self._options.data, self._options.validation, self._options.test, self._options.lesson.unlabeled)
        return [spec for spec in own if spec]

    def inputs(self, context: Context) -> Any:
        from edgecnn.data import open_data

        data = [open_data(spec).digest() for spec in self._data()]
        teacher = self._options.teacher
        options, before = dataclasses.asdict(self._options), context.model_before(self)
        return [options, digest(before), digest(teacher) if teacher else "", data]

    def outputs(self, context: Context) -> list[Path]:
        return [context.folder / self.model, context.training]

    def work(self, context: Context) -> None:
        from edgecnn.float_model import keras_file
        from edgecnn.training import remove_checkpoints, train

        folder = context.folder / "training"
        found = train(context.model_before(self), self._options, folder=folder, progress=context.progress)
        keras_file.save(found.model, found.contract, context.folder / self.model)
        files.write_json(context.training, found.record().to_dict())
        remove_checkpoints(folder)


def stages(recipe: Recipe) -> Sequence[Stage]:
    """Training, where there is a [train]."""
    return [Train(options) for options in TRAIN.all_of(recipe)]

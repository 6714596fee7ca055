"""A recipe's [model]: what `edgecnn build` does."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.option import Key
from edgecnn.core.options import SettingError, Settings, changes, option
from edgecnn.models.catalog import check_classes, names
from edgecnn.models.settings import BuildSettings
from edgecnn.recipe.section import Recipe, Section
from edgecnn.recipe.stage import Context, Stage, digest

POSITION = 10


@dataclass(frozen=True)
class ModelSettings(Settings):
    """What `edgecnn build` takes, or the file of a model that exists already."""

    name: tuple[str, ...] = option(
        "Name of the model to build. Several, as a list, are a run each, and are compared.",
        (), choices=names, listed_by="edgecnn models",
    )  # fmt: skip
    file: str | None = option(
        "A model file to start from, instead of a name: .keras, .h5 or a SavedModel folder; if [quantize] comes next, "
        "also a float .tflite, .onnx or .pt2.",
        metavar="FILE",
    )
    trust: bool = option("Run code that the file contains, when it is quantized and verified.", default=False)
    build: Mapping[str, Any] = changes(BuildSettings)

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.name) == (self.file is not None):
            raise SettingError("expected either name (an architecture) or file (a saved model), but not both.")
        if len(set(self.name)) < len(self.name):
            raise SettingError(f"name lists a model more than once: {', '.join(self.name)}. Remove the doubles.")
        if self.file is None and self.trust:
            raise SettingError(Key("trust"), " goes with ", Key("file"), ": a model of this name brings no code.")
        if self.file is not None and self.build:
            raise SettingError(
                f"a saved model is used unchanged, so these keys have no effect: {', '.join(sorted(self.build))}. "
                "Remove them."
            )


MODEL = Section("model", ModelSettings, required=True)
SECTIONS = (MODEL,)


class Build(Stage):
    """Architecture -> Keras model."""

    name = "model"
    model = "model.keras"

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings

    def refuse(self, context: Context) -> None:
        from edgecnn import weights
        from edgecnn.models import spec

        name = self._settings.name[0]
        check_classes(name, self._settings.build.get("classes"))
        weights.check(spec(name), name, str(self._settings.build.get("weights", BuildSettings.weights)))

    def inputs(self, context: Context) -> Any:
        from edgecnn.data import open_data
        from edgecnn.weights import own_files

        weights = self._settings.build.get("weights", BuildSettings.weights)
        own_file = " ".join(map(digest, own_files(weights)))
        boxes = self._settings.build.get("anchors_from")
        of_anchors = open_data(str(boxes)).part("train").digest() if boxes else ""
        return [dataclasses.asdict(self._settings), own_file, of_anchors]

    def outputs(self, context: Context) -> list[Path]:
        return [context.built]

    def work(self, context: Context) -> None:
        from edgecnn.builder import build_model
        from edgecnn.float_model import keras_file

        keras_file.save(*build_model(self._settings.name[0], **self._settings.build), context.built)


def stages(recipe: Recipe) -> Sequence[Stage]:
    """Building, unless the recipe names the file of a model."""
    settings = MODEL.always_of(recipe)
    return [Build(settings)] if settings.file is None else []

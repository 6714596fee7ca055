"""A recipe's [quantize]: what `edgecnn quantize` does."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecnn.quantization.settings import QuantizeSettings
from edgecnn.recipe.held_out import training_data
from edgecnn.recipe.known_labels import expected_outputs
from edgecnn.recipe.section import Recipe, Section
from edgecnn.recipe.stage import Context, Stage, digest
from edgecnn.runtime.model.label_file import read_labels

POSITION = 50
QUANTIZE = Section("quantize", QuantizeSettings, always=True)
SECTIONS = (QUANTIZE,)


class Quantize(Stage):
    """Float model -> artifact."""

    name = "quantize"

    def __init__(self, settings: QuantizeSettings) -> None:
        self._settings = settings

    def refuse(self, context: Context) -> None:
        from edgecnn.data import open_data

        open_data(self._settings.calibration.data)
        labels = self._settings.hints.labels
        if labels is not None:
            read_labels(labels, expected_outputs(context.recipe))

    def inputs(self, context: Context) -> Any:
        from edgecnn.data import open_data

        calibration = self._settings.calibration
        data = open_data(calibration.data).part("train")
        if calibration.samples is not None:
            data = data.sample(calibration.samples, calibration.seed)
        return [dataclasses.asdict(self._settings), digest(context.float_model), context.trust, data.digest()]

    def outputs(self, context: Context) -> list[Path]:
        return [context.quantized]

    def work(self, context: Context) -> None:
        from edgecnn.quantization import quantize

        quantize(
            context.float_model,
            context.quantized,
            scheme=self._settings.plugin,
            calibration=self._settings.calibration,
            io=self._settings.io,
            raw=self._settings.raw,
            probabilities=self._settings.probabilities,
            trust=context.trust,
            hints=self._settings.hints,
            progress=context.progress,
        )


def stages(recipe: Recipe) -> Sequence[Stage]:
    """Always; on the training images where there is a [train], unless other calibration images are given."""
    settings = QUANTIZE.always_of(recipe)
    data = training_data(recipe)
    if data is not None and "calibration" not in recipe.keys_of("quantize"):
        calibration = dataclasses.replace(settings.calibration, data=data)
        settings = dataclasses.replace(settings, calibration=calibration)
    return [Quantize(settings)]

"""A recipe's [quantize]: what `edgecnn quantize` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecnn.recipe.sections import Recipe
from edgecnn.recipe.stage import Context, Stage, data_digest, digest

POSITION = 50


class Quantize(Stage):
    """Keras model -> artifact."""

    name = "quantize"

    def refuse(self, context: Context) -> None:
        from edgecnn.data import open_data

        open_data(context.recipe.quantize.calibration)

    def inputs(self, context: Context) -> Any:
        section = context.recipe.quantize
        data = data_digest(section.calibration, section.samples, section.seed)
        return [section.model_dump(), digest(context.float_model), data]

    def outputs(self, context: Context) -> list[Path]:
        return [context.quantized]

    def work(self, context: Context) -> None:
        from edgecnn.quantization import Calibration, quantize

        section = context.recipe.quantize
        quantize(
            context.float_model,
            context.quantized,
            scheme=section.scheme,
            calibration=Calibration(section.calibration, section.samples, section.seed, section.improve),
            io=section.io,
            progress=context.progress,
        )


def stages(recipe: Recipe) -> Sequence[Stage]:
    """Always."""
    return [Quantize()]

"""A recipe's [qat]: what `edgecnn train --qat` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.recipe.section import Recipe, Section
from edgecnn.recipe.stage import Stage
from edgecnn.recipe.tuning import Compress, TuningSettings, has_data

POSITION = 40


@dataclass(frozen=True)
class QatSettings(TuningSettings):
    """What `edgecnn train --qat` takes; the data are [train]'s unless they are given."""


def _check(recipe: Recipe) -> None:
    has_data("qat")(recipe)
    quantize = recipe.keys_of("quantize")
    improve = quantize.get("improve")
    if recipe.has("qat") and quantize.get("scheme", "int8") == "int8" and improve not in (None, "none"):
        raise ValueError(
            f"quantize.improve is {improve!r}, but [qat] fixes the weights and activation ranges; remove "
            "quantize.improve"
        )


QAT = Section("qat", QatSettings, check=_check)
SECTIONS = (QAT,)


def stages(recipe: Recipe) -> Sequence[Stage]:
    """Quantization-aware training, where there is a [qat]."""
    return [Compress("qat", "qat.keras", settings, None) for settings in QAT.all_of(recipe)]

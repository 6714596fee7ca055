"""Sentences on what had to be assumed of a model by others; what a person has said is not assumed."""

from __future__ import annotations

from collections.abc import Collection

from .contract import Preprocessing
from .input_range import SIGNED, InputRange

UNKNOWN_RANGE = (
    f"Found no scaling inside the model: assumed that pixel values are scaled from 0..255 to {SIGNED}. If not, "
    "set --mean and --std (for 0..1: --mean 0 --std 255; for 0..255: --mean 0 --std 1)."
)


def of_the_image(lacks: str, preprocessing: Preprocessing, said: Collection[str]) -> list[str]:
    """What was assumed of colors and shape.

    Args:
        lacks: what the file has not, e.g. "no contract".
        preprocessing: as it was assumed.
        said: names of the fields that a person has said.
    """
    parts = []
    if "color" not in said and preprocessing.color != "gray":
        parts.append(preprocessing.color.upper())
    if "fit" not in said and "crop" not in said:
        share = "the largest center crop" if preprocessing.crop == 1 else f"a center crop of {preprocessing.crop:g}"
        parts.append(share)
    return (
        [f"The file has {lacks}: assumed {' and '.join(parts)}. If not, set --color, --fit or --crop."] if parts else []
    )


def of_scaling(found: InputRange | None, said: Collection[str]) -> list[str]:
    """What was assumed of the pixel values' range.

    Args:
        found: what the model's arithmetic tells; None if nothing.
        said: names of the fields that a person has said.
    """
    given = {"mean", "std"}.intersection(said)
    if len(given) == 2:
        return []
    if given:
        scaled = found or SIGNED
        name, values = ("std", scaled.std) if "mean" in given else ("mean", scaled.mean)
        return [f"Only one of --mean and --std was given: assumed --{name} {values[0]:g}. Give both to be sure."]
    if found is None:
        return [UNKNOWN_RANGE]
    return [f"Derived the input range from the model's first operations: pixel values {found}."]

"""What a person says of a model by others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.options import Settings, option


@dataclass(frozen=True)
class Hints(Settings):
    """What the file of a model by others leaves open; None leaves it to an assumption that is stated."""

    TITLE = "A model by others"

    mean: tuple[float, ...] | None = option(
        "Input normalization in pixel values: one number, or one per channel.", metavar="M[,M,M]"
    )
    std: tuple[float, ...] | None = option("The model's input is (pixel - mean) / std.", metavar="S[,S,S]")
    labels: Path | None = option("Class names, one per line.", metavar="FILE")
    input_size: int | None = option(
        "Height and width, if the model leaves them open.", low=1, high=8192, unit="pixels", metavar="N"
    )

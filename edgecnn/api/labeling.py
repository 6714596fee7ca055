"""What `edgecnn label` does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.api.notebook import progress_or
from edgecnn.core.progress import Progress

if TYPE_CHECKING:
    from edgecnn.labeling import Labeling, LabelOptions


def label(data: str, output: str | Path, options: LabelOptions, *, progress: Progress | None = None) -> Labeling:
    """Label images by an image and a text encoder (CLIP), and write those that are likely enough as a manifest.

    Args:
        data: the images; labels that they may have are not used.
        output: manifest to write, a `.csv` with the columns path, label and confidence.
        options: `edgecnn.labeling.LabelOptions`: encoders, classes, and what is kept.
        progress: called with (stage, done, total).

    Raises:
        UsageError: an option is wrong or missing.
        DataError: the images can't be read, or none of them gets a label.
        ModelFileError: an encoder, tokenizer or embedding file is missing, damaged or doesn't fit the others.
    """
    from edgecnn.labeling import label as stage

    return stage(data, output, options, progress=progress_or(progress))

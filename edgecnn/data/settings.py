"""Which images train, validate and test."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.options import REQUIRED, Settings, option

IMAGES = ("auto", "cached", "streamed")


@dataclass(frozen=True)
class SplitSettings(Settings):
    """A data set and its splits; see `edgecnn.data.split.open_splits`."""

    TITLE = "Data"

    data: str = option(
        "Training set: a folder per class, shards, a manifest or a named set.",
        REQUIRED,
        metavar="DATA",
        also=("dataset",),
    )
    validation: str | None = option(
        "Validation set.", metavar="DATA", default_help="a share of the training set, chosen by content"
    )
    test: str | None = option(
        "Test set, evaluated at the end.", metavar="DATA", default_help="the data set's own, if it has one"
    )
    validation_share: float = option(
        "Share of the training set to validate on, if there is no validation set.",
        0.1, above=0, high=0.9, metavar="SHARE",
    )  # fmt: skip
    images: str = option(
        "Keep a decoded copy of the images in the cache, or stream them: decode them in every epoch. auto streams "
        "shards, and images whose decoded copy would not fit.",
        "auto", choices=IMAGES, metavar="HOW",
    )  # fmt: skip

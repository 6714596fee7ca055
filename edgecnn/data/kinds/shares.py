"""The two parts that `edgecnn train --data DATA` makes of a data set, so that other commands can take the same ones."""

from __future__ import annotations

import re
from dataclasses import replace

from edgecnn.core.errors import DataError
from edgecnn.data.dataset import DataSet
from edgecnn.data.settings import SplitSettings
from edgecnn.data.split import open_splits

SYNTAX = (
    "held-out:DATA or training:DATA (images that `edgecnn train` holds out or trains on; "
    "held-out/0.2:DATA holds out 20 %)"
)
HELD_OUT, TRAINING = "held-out", "training"
_SPEC = re.compile(rf"({HELD_OUT}|{TRAINING})(?:/([^:]*))?:(.+)", re.DOTALL)


def accepts(spec: str) -> bool:
    """Whether the name begins with `held-out:` or `training:`, perhaps with a share."""
    return _SPEC.fullmatch(spec) is not None


def open_data(spec: str) -> DataSet:
    """The test images of the data, or those that validate where it has none; or its training images.

    Raises:
        DataError: the share is no number, the data can't be trained on, or there is no such data.
    """
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise DataError(f"{spec!r} does not select a part of a data set; expected {SYNTAX}.")
    part, share, data = match.groups()
    try:
        splits = open_splits(data, share=SplitSettings.validation_share if share is None else float(share))
    except ValueError as error:
        raise DataError(
            f"{spec}: {share!r} is not a valid share; expected a number between 0 and 1, for example {part}/0.2:{data}."
        ) from error
    chosen = splits.train if part == TRAINING else splits.test or splits.validation
    return replace(chosen, name=spec, splits={})

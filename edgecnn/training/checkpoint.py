"""Checkpoints: plain arrays and JSON in one .npz file, whole or absent; nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import RecordError
from edgecnn.core.files import replacing
from edgecnn.runtime.model.json_text import parse_json
from edgecnn.runtime.zips import DAMAGED_ZIP

Arrays = Sequence[np.ndarray]
_META = "meta"


@dataclass(frozen=True)
class Checkpoint:
    """The state of an interrupted fit.

    Attributes:
        arrays: lists of arrays by what they are: weights, optimizer slots.
        meta: JSON values: step, history so far, what was being fitted.
    """

    arrays: Mapping[str, Arrays]
    meta: Mapping[str, Any]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; a crash or a cut of power leaves the previous one."""
    flat = {f"{name}/{i}": array for name, arrays in checkpoint.arrays.items() for i, array in enumerate(arrays)}
    flat[_META] = np.frombuffer(json.dumps(checkpoint.meta).encode(), np.uint8)
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **flat)


def load(path: Path) -> Checkpoint | None:
    """Read a checkpoint; None if there is none, or it is no checkpoint of ours."""
    try:
        with np.load(path, allow_pickle=False) as content:
            meta = parse_json(content[_META].tobytes(), constants=True)
            arrays: dict[str, list[np.ndarray]] = {}
            for key in content.files:
                if key != _META:
                    arrays.setdefault(key.rpartition("/")[0], []).append(content[key])
    except (OSError, *DAMAGED_ZIP, RecordError):
        return None
    return Checkpoint(arrays, meta)

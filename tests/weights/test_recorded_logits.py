"""Every mapped model against timm and torchvision themselves: `tools/published` recorded their logits.

The weights are made again from the seed; only the names, shapes, a digest and the logits are stored. Of the models of
a library that differ in size alone, the smallest stands for all; EDGECNN_ALL_RECORDS=1 takes every one (ten minutes).
"""

from __future__ import annotations

import functools
import gzip
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import seeded_weights

from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.registry import MODEL_FAMILIES
from edgecnn.models import catalog, spec
from edgecnn.weights import foreign, published
from edgecnn.weights.foreign import Foreign

RECORDED = sorted(Path(__file__).with_name("recorded").glob("*.json.gz"))
LARGEST_DIFFERENCE = 1e-4


def recorded(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return found


@dataclass(frozen=True)
class Same:
    """Models with the same weights of the same seed, as timm's and torchvision's ResNets are, give the same logits."""

    variant: str
    width: float
    arguments: str
    sha256: str
    path: Path = field(compare=False)


@functools.cache
def ours(which: Same) -> np.ndarray:
    """Our logits for the weights of a record."""
    content = recorded(which.path)
    state = seeded_weights.weights(content["shapes"], seeded_weights.SEED, content["norms"])
    assert seeded_weights.digest(state) == content["sha256"], "NumPy makes other numbers of this seed"
    row = published.named(f"{content['library']}:{content['model']}")
    images = seeded_weights.images(content["input_size"], seeded_weights.SEED)
    model = MODEL_FAMILIES.load(catalog.family(row.variant)).build(
        input_shape=images.shape[1:],
        classes=len(content["logits"][0]),
        width=row.width,
        **row.spec(spec(row.variant)).arguments,
    )
    Foreign(state, foreign.names_of(row, state), row, True, {}, "the seed").put_into(model, new_head=False)
    found: np.ndarray = model(images).numpy()
    keras.backend.clear_session()
    return found


def test_every_model_of_the_tables_is_recorded() -> None:
    models = {f"{row.library}_{row.model}" for row in published.table()}
    assert {path.name.removesuffix(".json.gz") for path in RECORDED} == models


def chosen() -> list[Path]:
    """Of each library, family and style of building: the smallest."""
    if os.environ.get("EDGECNN_ALL_RECORDS"):
        return RECORDED
    smallest: dict[tuple[str, ...], tuple[int, Path]] = {}
    rows = {f"{row.library}_{row.model}": row for row in published.table()}
    for path in RECORDED:
        row = rows[path.name.removesuffix(".json.gz")]
        key = (row.library, catalog.family(row.variant), json.dumps(row.arguments))
        size = spec(row.variant).macs
        if key not in smallest or size < smallest[key][0]:
            smallest[key] = (size, path)
    return sorted(path for _, path in smallest.values())


@pytest.mark.parametrize("path", chosen(), ids=lambda path: path.name.removesuffix(".json.gz"))
def test_logits_equal_the_librarys(path: Path) -> None:
    content = recorded(path)
    row = published.named(f"{content['library']}:{content['model']}")
    logits = np.array(content["logits"])
    found = ours(Same(row.variant, row.width, json.dumps(row.arguments), content["sha256"], path))
    assert np.abs(found - logits).max() <= LARGEST_DIFFERENCE
    assert np.abs(logits[0] - logits[1]).max() > 100 * LARGEST_DIFFERENCE, "the logits hardly depend on the image"

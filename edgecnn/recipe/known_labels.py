"""What is known of a recipe's classes before anything is built: data and labels are held against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecnn.core.file_kind import kind_of
from edgecnn.data import open_data
from edgecnn.float_model import keras_file
from edgecnn.models import imagenet
from edgecnn.recipe.section import Recipe
from edgecnn.runtime.model.contract import Contract, Preprocessing


def expected_contract(recipe: Recipe) -> Contract | None:
    """A contract with the labels that the model will have; None where they aren't known before it is made.

    Raises:
        EdgecnnError: the training data, or the model's file, can't be read.
    """
    train, model = recipe.keys_of("train"), recipe.keys_of("model")
    if train:
        return _labeled(tuple(open_data(str(train["data"])).classes))
    file = str(model.get("file") or model.get("weights") or "none")
    if Path(file).suffix == ".keras" and kind_of(file):
        contract = keras_file.read_contract(file)
        fits = contract is not None and model.get("classes") in (None, len(contract.labels))
        return contract if fits else None
    if file == "imagenet" and model.get("classes") in (None, imagenet.CLASSES):
        return _labeled(imagenet.labels(), label_ids=imagenet.wordnet_ids())
    return None


def expected_outputs(recipe: Recipe) -> int | None:
    """How many classes the model will have; None where that isn't known before it is made."""
    contract = expected_contract(recipe)
    if contract is not None and contract.labels:
        return len(contract.labels)
    model = recipe.keys_of("model")
    if recipe.has("train") or "file" in model or model.get("weights", "none") not in ("none", "imagenet"):
        return None
    return int(model.get("classes") or imagenet.CLASSES)


def _labeled(labels: tuple[str, ...], **fields: Any) -> Contract:
    return Contract(Preprocessing(32, 32), labels=labels, **fields)

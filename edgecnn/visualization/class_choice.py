"""Which class a person means by a number, a name or a part of a name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edgecnn.core.errors import UsageError
from edgecnn.core.hints import Hints
from edgecnn.float_model import keras_file
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract


def find_class(contract: Contract, classes: int, text: str) -> int:
    """A class by its number, name, WordNet id or a part of its name that only one class has.

    Args:
        contract: of the model.
        classes: how many it has, also where the contract doesn't name them.
        text: what the person gave.

    Raises:
        UsageError: no class, or more than one, fits.
    """
    labels, ids = contract.labels, contract.label_ids
    if text.isdigit() and int(text) < classes:
        return int(text)
    wanted = text.lower()
    exact = [index for index, label in enumerate(labels) if label.lower() == wanted]
    exact += [index for index, label in enumerate(ids) if label == text]
    partial = [index for index, label in enumerate(labels) if wanted in label.lower()]
    found = exact or partial
    if len(found) == 1:
        return found[0]
    names = ", ".join(labels[index] for index in found[:5])
    reason = f"matches {len(found)} classes: {names}, ..." if found else "is not a class of this model"
    numbers = f"(0 to {classes - 1}) or its whole name" if labels else f"from 0 to {classes - 1}"
    raise UsageError(f"The class {text!r} {reason}. Give a class number {numbers}.")


def check_classes(path: str, hints: Hints, texts: Iterable[str]) -> None:
    """Refuse classes that a model of ours doesn't have, before it is loaded, which takes seconds.

    Raises:
        UsageError: see `find_class`.
        ModelFileError: the file can't be read.
    """
    texts = list(texts)
    contract = _contract(Path(path)) if texts else None
    if contract is None:
        return
    contract = hints.applied(contract)
    for text in texts if contract.labels else ():
        find_class(contract, len(contract.labels), text)


def _contract(path: Path) -> Contract | None:
    if path.suffix == ".keras":
        return keras_file.read_contract(path)
    return model_file.read(path).contract if path.suffix == ".tflite" else None

"""The float model that an artifact is held against: a Keras file, a SavedModel, or another `.tflite`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import UsageError
from edgecnn.core.hints import NO_HINTS, Hints
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.tasks import Outputs

Reference = Callable[[np.ndarray], "list[Outputs]"]
"""Fitted images, uint8 (n, height, width, channels) -> the outputs for each."""


def open_reference(
    against: Any,
    contract: Contract,
    *,
    hints: Hints = NO_HINTS,
    trust: bool = False,
) -> tuple[str, Reference]:
    """A name, and a function from fitted images to the model's outputs for each.

    Args:
        against: path of a Keras file, SavedModel folder or `.tflite`, or a Keras model, or (Keras model, Contract).
        contract: the artifact's; what a model by others doesn't say is taken from it.
        hints: what is known of a float model by others.
        trust: run code that the file carries.

    Raises:
        UsageError: the two want different images.
    """
    if isinstance(against, (str, Path)) and Path(against).suffix == ".tflite":
        return _tflite(Path(against), contract, hints)
    return _keras(against, contract, hints, trust)


def _tflite(path: Path, contract: Contract, hints: Hints) -> tuple[str, Reference]:
    file = hints.read(path)
    if file.contract.assumed:  # it doesn't say how images become its input; the artifact does
        file = dataclasses.replace(file, contract=_like(file.contract, contract))
    guard.try_out(file)
    engine = Engine(file)
    _check_same(engine.contract, contract, str(path))

    def outputs(pictures: np.ndarray) -> list[Outputs]:
        return [engine.real(engine.invoke(engine.tensor(picture))) for picture in pictures]

    return path.name, outputs


def _keras(against: Any, contract: Contract, hints: Hints, trust: bool) -> tuple[str, Reference]:
    from edgecnn.core.compat.tensorflow import tf
    from edgecnn.float_model import loading
    from edgecnn.runtime.run.preprocess import input_table

    if isinstance(against, (str, Path)):
        source, name = loading.load(against, trust=trust, hints=hints, like=contract), Path(against).name
    elif isinstance(against, tuple):
        source, name = loading.from_model(against[0], against[1], hints), str(against[0].name)
    else:
        source, name = loading.from_model(against, contract, hints), str(against.name)
    _check_same(source.contract, contract, name)
    table = input_table(contract.preprocessing, np.dtype(np.float32), 0, 0)
    channels = np.arange(table.shape[1])
    call = tf.function(source.call, reduce_retracing=True)

    def outputs(pictures: np.ndarray) -> list[Outputs]:
        found = call(tf.constant(table[pictures, channels]))
        each = [values.numpy() for values in (found if isinstance(found, (list, tuple)) else [found])]
        return [[values[row] for values in each] for row in range(len(pictures))]

    return name, outputs


def _like(reference: Contract, contract: Contract) -> Contract:
    """The contract of a file by others with the artifact's preprocessing, unless its input has another shape."""
    if reference.preprocessing.shape != contract.preprocessing.shape:
        return reference
    return reference.replace(preprocessing=contract.preprocessing)


def _check_same(reference: Contract, contract: Contract, name: str) -> None:
    ours, theirs = contract.preprocessing, reference.preprocessing
    if ours == theirs:
        return
    different = [
        f"{field} {getattr(theirs, field)} against {getattr(ours, field)}"
        for field in ("height", "width", "color", "resize", "fit", "crop", "mean", "std")
        if getattr(theirs, field) != getattr(ours, field)
    ]
    raise UsageError(
        f"{name} wants other images than the artifact: {'; '.join(different)}. Compare it with its own source."
    )

"""The float model that an artifact is held against: a Keras file, a SavedModel, or another `.tflite`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import UsageError
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.tasks import Outputs

Reference = Callable[[np.ndarray], "list[Outputs]"]
"""Fitted images, uint8 (n, height, width, channels) -> the outputs for each."""


def open_reference(against: Any, contract: Contract, *, trust: bool = False) -> tuple[str, Reference]:
    """A name, and a function from fitted images to the model's outputs for each.

    Args:
        against: path of a Keras file, SavedModel folder or `.tflite`, or a Keras model, or (Keras model, Contract).
        contract: the artifact's; what a model by others doesn't say is taken from it.
        trust: run code that the file carries.

    Raises:
        UsageError: the two want different pictures.
    """
    if isinstance(against, (str, Path)) and Path(against).suffix == ".tflite":
        return _tflite(Path(against), contract)
    return _keras(against, contract, trust)


def _tflite(path: Path, contract: Contract) -> tuple[str, Reference]:
    file = model_file.read(path)
    guard.try_out(file)
    engine = Engine(file)
    _check_same(engine.contract, contract, str(path))

    def outputs(pictures: np.ndarray) -> list[Outputs]:
        return [engine.real(engine.invoke(engine.tensor(picture))) for picture in pictures]

    return path.name, outputs


def _keras(against: Any, contract: Contract, trust: bool) -> tuple[str, Reference]:
    from edgecnn.core.compat.tensorflow import tf
    from edgecnn.float_model import loading
    from edgecnn.runtime.run.preprocess import input_table

    if isinstance(against, (str, Path)):
        source, name = loading.load(against, trust=trust), Path(against).name
    elif isinstance(against, tuple):
        source, name = loading.from_model(*against), str(against[0].name)
    else:
        source, name = loading.from_model(against, contract), str(against.name)
    if not source.contract.assumed:
        _check_same(source.contract, contract, name)
    table = input_table(contract.preprocessing, np.dtype(np.float32), 0, 0)
    channels = np.arange(table.shape[1])
    call = tf.function(source.call, reduce_retracing=True)

    def outputs(pictures: np.ndarray) -> list[Outputs]:
        found = call(tf.constant(table[pictures, channels]))
        each = [values.numpy() for values in (found if isinstance(found, (list, tuple)) else [found])]
        return [[values[row] for values in each] for row in range(len(pictures))]

    return name, outputs


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
        f"{name} wants other pictures than the artifact: {'; '.join(different)}. Compare it with its own source."
    )

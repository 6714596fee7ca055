"""Configurations that train: the model is fine-tuned by self-distillation before it is quantized."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecnn.core import temporary
from edgecnn.core.errors import UsageError
from edgecnn.float_model import keras_file
from edgecnn.ladder.request import Request
from edgecnn.runtime.model.contract import Contract


def compressed(request: Request, method: str, options: Mapping[str, str]) -> tuple[Any, Contract]:
    """The request's model after a compression method.

    Raises:
        UsageError: it isn't one of ours, doesn't know its classes, or has nothing for the method.
    """
    from edgecnn.compression import Tuning, compress
    from edgecnn.compression.methods.swap import swish_layers

    assert request.training is not None
    model, contract = _own(request)
    if method == "swap" and not swish_layers(model):
        raise UsageError("the model has no swish")
    overrides = {} if request.training.epochs is None else {"epochs": request.training.epochs}
    tuning = Tuning(request.training.data, overrides=overrides)
    with temporary.folder() as folder:
        path = Path(folder) / "model.keras"
        keras_file.save(model, contract, path)
        found = compress(path, method, tuning, options, progress=request.progress)
    return found.model, found.contract


def _own(request: Request) -> tuple[Any, Contract]:
    """The Keras model and its contract.

    Raises:
        UsageError: it isn't one of ours, or doesn't know its classes.
    """
    model: Any = request.model
    if isinstance(model, (str, Path)) and Path(model).suffix == ".keras":
        model = keras_file.load(model, trust=request.trust)
    if not isinstance(model, tuple) or model[1] is None or not model[1].labels:
        raise UsageError("fine-tuning needs a .keras file written by edgecnn, with class names")
    return model

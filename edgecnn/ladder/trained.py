"""Rungs that train: the model is fine-tuned, imitating what it was, and then quantized."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgecnn.core import temporary
from edgecnn.core.errors import UsageError
from edgecnn.float_model import keras_file
from edgecnn.ladder.task import Task
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.model_file import ModelFile


def swap(to: str) -> Callable[[Task, Path], ModelFile]:
    """Another activation for swish, a short fine-tuning, and the best rounding."""

    def make(task: Task, output: Path) -> ModelFile:
        from edgecnn.compression.methods.swap import swish_layers

        model, contract = _own(task.model)
        if not swish_layers(model):
            raise UsageError("the model has no swish")
        return task.quantize(output, "int8", "best", _compressed(task, model, contract, "swap", {"to": to}))

    return make


def aware(task: Task, output: Path) -> ModelFile:
    """Quantization-aware training."""
    return task.quantize(output, "int8", None, _compressed(task, *_own(task.model), "qat", {}))


def _own(model: Any) -> tuple[Any, Contract]:
    """The Keras model and its contract.

    Raises:
        UsageError: it isn't one of ours, or doesn't know its classes.
    """
    if isinstance(model, (str, Path)) and Path(model).suffix == ".keras":
        model = keras_file.load(model)
    if not isinstance(model, tuple) or model[1] is None or not model[1].labels:
        raise UsageError("only a .keras file of edgecnn that knows its classes can be trained on")
    return model


def _compressed(task: Task, model: Any, contract: Contract, method: str, options: dict[str, Any]) -> Any:
    from edgecnn.compression import Tuning, compress

    assert task.training is not None
    overrides = {} if task.training.epochs is None else {"epochs": task.training.epochs}
    with temporary.folder() as folder:
        path = Path(folder) / "model.keras"
        keras_file.save(model, contract, path)
        found = compress(path, method, Tuning(task.training.data, overrides=overrides), options, progress=task.progress)
    return found.model, found.contract

"""Keras 3, which lives beside tf_keras on the same TensorFlow. How it walks a model's graph is private to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import MissingExtraError


def module() -> Any:
    """The package `keras`, version 3.

    Raises:
        MissingExtraError: it is not installed.
    """
    _ = tf.float32  # TensorFlow first, with its logging set up
    try:
        import keras
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "Reading a file of Keras 3 needs Keras 3. Install it with: pip install keras"
        ) from error
    return keras


def is_model(model: Any) -> bool:
    """Whether a model in memory is one of Keras 3."""
    return any(kind.__module__.startswith("keras.") for kind in type(model).__mro__)


def is_functional(model: Any) -> bool:
    """Whether a model holds a graph: functional and built sequential models do, subclassed ones don't."""
    return hasattr(_graph(model), "_run_through_graph")


def run(model: Any, inputs: list[Any], twin_of: Callable[[Any], Callable[..., Any]]) -> Any:
    """What a model's graph gives for other tensors, if other callables stand for its layers and operations.

    Args:
        model: a functional or sequential model.
        inputs: in place of its inputs, in their order.
        twin_of: layer or operation -> what is called in its place, with the same arguments.
    """
    return _graph(model)._run_through_graph(
        inputs, twin_of, call_fn=lambda twin, *args, **kwargs: twin(*args, **kwargs)
    )


def _graph(model: Any) -> Any:
    """A sequential model holds a functional one once it is built."""
    return getattr(model, "_functional", None) or model


def compute_in_float32(model: Any) -> None:
    """Let every layer compute in float32, whatever its policy was: mixed_float16 and the like are for training."""
    for layer in model._flatten_layers():
        if "float16" in str(layer.compute_dtype):
            layer.dtype_policy = "float32"

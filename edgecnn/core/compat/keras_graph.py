"""The graph of a functional Keras model. Nodes, one per call of a layer, are private to Keras."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any


def is_functional(model: Any) -> bool:
    """Whether a model or layer holds a graph: functional and sequential models do, subclassed ones don't."""
    return bool(getattr(model, "_nodes_by_depth", None))


def nodes(model: Any) -> Iterator[Any]:
    """The calls of a functional model's layers, from its inputs to its outputs; nested models are one call."""
    return (node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth])


def outputs(node: Any) -> list[Any]:
    """The tensors that a call makes."""
    return list(_flat(node.outputs))


def call(layer: Any, node: Any, inputs: list[Any]) -> Any:
    """Call another layer as a node's was called, with a list or with a single tensor."""
    return layer(inputs if isinstance(node.call_args[0], (list, tuple)) else inputs[0])


def maker(tensor: Any) -> Any:
    """The layer that made a tensor."""
    return tensor._keras_history.layer


def call_of(tensor: Any) -> Any:
    """The call of a layer that made a tensor: a node, with the `layer` and the tensors `keras_inputs`."""
    made = tensor._keras_history
    return made.layer.inbound_nodes[made.node_index]


def leaves(model: Any) -> Iterator[Any]:
    """All layers, those of nested models in their place."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from leaves(layer)
        else:
            yield layer


def _flat(tensors: Any) -> Iterator[Any]:
    if isinstance(tensors, (list, tuple)):
        for tensor in tensors:
            yield from _flat(tensor)
    else:
        yield tensors


def rename(model: Any, name: str) -> None:
    """Give a model another name; Keras has no public way."""
    model._name = name


def random_generators(model: Any) -> list[tuple[Any, Any]]:
    """(layer, its random generator) of all layers that draw: dropout and the like."""
    return [(layer, layer._random_generator) for layer in model.submodules if hasattr(layer, "_random_generator")]


def set_random_generator(layer: Any, generator: Any) -> None:
    """Let a layer draw from another generator."""
    layer._random_generator = generator


def compute_in_float32(model: Any) -> None:
    """Let every layer compute in float32, whatever its policy was: mixed_float16 and the like are for training."""
    for layer in model.submodules:
        if "float16" in str(getattr(layer, "compute_dtype", "")):
            layer._set_dtype_policy("float32")


@contextlib.contextmanager
def called_as(layer: Any, call: Callable[..., Any]) -> Iterator[None]:
    """Let a layer compute something else while a function is traced. It is called by models as before."""
    layer.call = call
    try:
        yield
    finally:
        del layer.call

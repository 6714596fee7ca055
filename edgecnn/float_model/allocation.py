"""Models whose configuration asks for more memory than their file accounts for, refused before it is allocated."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgecnn.core.compat import keras_graph
from edgecnn.core.errors import ModelFileError

_SLACK = 1 << 20  # values of layers that store none: seeds of random numbers
_LARGEST_OUTPUT = 1 << 30  # values


@contextlib.contextmanager
def bounded(layer: Any, stored: int, path: Path) -> Iterator[None]:
    """Build layers whose weights are at most those that a file stores.

    Args:
        layer: Keras's class `Layer`.
        stored: how many weights the file holds.
        path: the file, for messages.

    Raises:
        ModelFileError: they are more; Keras makes whatever it likes of an error inside of it.
    """
    original, signature = layer.add_weight, inspect.signature(layer.add_weight)
    left, refused = 2 * stored + _SLACK, ""

    def add_weight(*args: Any, **kwargs: Any) -> Any:
        nonlocal left, refused
        shape = signature.bind(*args, **kwargs).arguments.get("shape")
        count = math.prod([shape or 1] if isinstance(shape, (int, type(None))) else tuple(shape))
        left -= count
        if left < 0:
            refused = refused or f"the layer {args[0].name!r} has {count:,} weights"
            raise MemoryError(refused)
        return original(*args, **kwargs)

    layer.add_weight = add_weight
    try:
        yield
    except Exception as error:
        if not refused:
            raise
        raise ModelFileError(
            f"{path} is damaged and was not loaded: {refused}, but the file holds only {stored:,} in all. Save it "
            "again."
        ) from error
    finally:
        layer.add_weight = original


def check_outputs(model: Any, path: Path) -> None:
    """Refuse a model whose feature maps can't be held.

    Raises:
        ModelFileError: a layer's output has too many values, by its shape alone.
    """
    if not keras_graph.is_functional(model):
        return
    for node in keras_graph.nodes(model):
        for tensor in keras_graph.outputs(node):
            count = math.prod(int(size) for size in tensor.shape if size)
            if count > _LARGEST_OUTPUT:
                raise ModelFileError(
                    f"{path}: the output {tensor.name!r} of a layer has the shape {list(tensor.shape)}; expected "
                    f"at most {_LARGEST_OUTPUT:,} values. Use a smaller input size."
                )
    for layer in model.layers:
        check_outputs(layer, path)

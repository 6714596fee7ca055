"""A Keras model as an image encoder: a classifier of edgecnn, or a model by others that ends in vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.compat import keras3
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import ModelFileError, UsageError
from edgecnn.float_model import keras_model
from edgecnn.float_model.frozen_graph import freeze
from edgecnn.float_model.input_range import range_of
from edgecnn.models.heads import last_dense
from edgecnn.runtime.model.contract import Contract, Preprocessing

SUFFIXES = keras_model.SUFFIXES


def opened(
    path: Path, layer: str | None, features: bool
) -> tuple[tuple[int, int, int], str, Any, tuple[str, ...], Contract | None, tuple[float, float] | None]:
    """Its input's height, width and channels, "NHWC", the model as a function, its outputs' names, its contract, and
    the mean and std that its first operations tell.

    Args:
        path: of the file.
        layer: take this layer's output instead of the model's.
        features: of a classifier of edgecnn take what comes before its last layer.

    Raises:
        ModelFileError: the file is missing, damaged, or takes no single image.
        UntrustedModelError: it asks for code.
        UsageError: there is no such layer.
    """
    model, contract = keras_model.load_as_saved(path, trust=None)
    shape = tuple(model.inputs[0].shape)
    if len(model.inputs) != 1 or len(shape) != 4 or shape[3] not in (1, 3):
        raise ModelFileError(
            f"{path} has {len(model.inputs)} inputs, the first of shape {list(shape)}; expected one image, [batch, "
            "height, width, 1 or 3]."
        )
    inner = layer is not None or (features and contract is not None)
    outputs = _outputs(model, path, layer) if inner else list(model.outputs)
    kind = keras3.module().Model if keras3.is_model(model) else keras.Model
    part = kind(model.inputs, outputs) if inner else model
    part.trainable = False
    compute = tf.function(lambda images: part(images, training=False), reduce_retracing=True)

    def call(images: np.ndarray) -> Sequence[np.ndarray]:
        found = compute(tf.cast(images, model.inputs[0].dtype))
        return [np.asarray(each) for each in (found if isinstance(found, (list, tuple)) else [found])]

    sizes = (shape[1] or 0, shape[2] or 0, shape[3])
    names = (layer,) if layer else tuple(model.output_names)
    return sizes, "NHWC", call, names, contract, None if contract else _scale(model, sizes)


def _outputs(model: Any, path: Path, layer: str | None) -> list[Any]:
    """That of the layer, or what comes before the last one with weights."""
    if layer:
        found = next((each for each in model.layers if each.name == layer), None)
        if found is None:
            last = ", ".join(each.name for each in model.layers[-5:])
            raise UsageError(f"{path} has no layer {layer}. Its last layers: {last}.")
        return [found.output]
    return [last_dense(model).input]


def _scale(model: Any, sizes: tuple[int, int, int]) -> tuple[float, float] | None:
    """Mean and std, where the model scales pixels by itself."""
    if not all(sizes):
        return None
    graph = freeze(lambda image: model(image, training=False), sizes)
    found = range_of(graph, sizes, model.inputs[0].dtype)
    if found is None:
        return None
    applied = found.applied(Preprocessing(sizes[0], sizes[1], color="gray" if sizes[2] == 1 else "rgb"))
    return applied.mean[0], applied.std[0]

"""Puts weights into a model: by layer name, or from another model layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgecnn.core.compat.keras_graph import leaves
from edgecnn.core.errors import WeightsError
from edgecnn.models.blocks import HEAD

Arrays = Sequence[np.ndarray[Any, Any]]
"""The weights of one layer, in the order of Keras's `layer.get_weights()`."""

LayerWeights = Mapping[str, Arrays]
"""Layer name -> its weights."""


def assign(model: Any, weights: LayerWeights, source: str, *, new_head: bool = False) -> None:
    """Set all of a model's weights, by layer name.

    A convolution of a gray image takes the sum of the kernels of the three colors, which gives for a gray image
    what the color model gives for the same image in three equal channels.

    Args:
        model: a Keras model.
        weights: at least the layers of the model; shapes may differ in axes of size 1.
        source: where the weights came from, for messages.
        new_head: leave the layer of the logits as it is where it has another class count than the weights.

    Raises:
        WeightsError: a layer is missing or has another shape; then nothing was changed.
    """
    fitted = {}
    for layer in model.layers:
        arrays = weights.get(layer.name)
        if layer.weights and not (new_head and layer.name == HEAD and _other_classes(layer, arrays)):
            fitted[layer] = _fitted(layer, arrays, source)
    for layer, arrays in fitted.items():
        layer.set_weights(arrays)


def _other_classes(head: Any, arrays: Arrays | None) -> bool:
    """Whether a model's layer of the logits has another class count than the weights."""
    return arrays is None or arrays[-1].shape[-1] != head.weights[-1].shape[-1]


def _fitted(layer: Any, arrays: Arrays | None, source: str) -> list[np.ndarray[Any, Any]]:
    wanted = [tuple(weight.shape) for weight in layer.weights]
    if arrays is None:
        raise WeightsError(f"{source} has no weights for the layer {layer.name}. Choose weights of the same model.")
    found = [fitted(array, shape) for array, shape in zip(arrays, wanted)]
    if len(arrays) != len(wanted) or any(array is None for array in found):
        raise WeightsError(
            f"{source}: the layer {layer.name} has shapes {[array.shape for array in arrays]}; expected {wanted}. "
            "Choose weights of the same model, width, input size and (unless --classes is given) class count."
        )
    return [array for array in found if array is not None]


def fitted(array: np.ndarray[Any, Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any] | None:
    """An array in the shape of a weight, from which it may differ in axes of size 1; None where it doesn't fit."""
    array = _gray(array) if shape[2:3] == (1,) else array
    return array.reshape(shape) if _compact(array.shape) == _compact(shape) else None


def _gray(kernel: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Sum a convolution kernel, (height, width, colors, filters), over three colors."""
    return kernel.sum(axis=2, keepdims=True) if kernel.ndim == 4 and kernel.shape[2] == 3 else kernel


def _compact(shape: Sequence[int]) -> tuple[int, ...]:
    """A shape without axes of size 1: a 1x1 convolution of a pooled image and a dense layer are the same."""
    return tuple(size for size in shape if size != 1)


def in_order(source: Any, target: Any, description: str) -> LayerWeights:
    """The weights of a model of the same architecture but other layer names, under the target's layer names.

    Both models' layers with weights are paired in order; Keras lists them from input to output. Models in the source's
    graph count as the layers that they hold.

    Raises:
        WeightsError: the models have different numbers of layers.
    """
    given = [layer for layer in leaves(source) if layer.weights and type(layer).__name__ != "Normalization"]
    wanted = [layer for layer in target.layers if layer.weights]
    if len(given) != len(wanted):
        raise WeightsError(
            f"{description} has {len(given)} layers with weights; expected {len(wanted)}, as in {target.name}. "
            "Choose weights of the same model."
        )
    return {ours.name: theirs.get_weights() for theirs, ours in zip(given, wanted)}

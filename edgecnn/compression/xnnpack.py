"""The layout that XNNPACK's sparse kernels need (float32 on ARM), built and checked.

Tried on aarch64: the sparse kernels are taken for a whole chain or not at all. It starts at a 3x3 convolution with
stride 2 on 3 channels, padded by 1 on every side; inside are only 1x1 convolutions, depthwise 3x3 and 5x5 with the same
padding on every side, additions, multiplications and a few unary operators; it ends at a mean over height and width;
more than two thirds of the weights of its 1x1 convolutions are zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgecnn.core.compat import keras_graph
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import UsageError
from edgecnn.graph.layer_kinds import kind_of
from edgecnn.graph.network import same_padding
from edgecnn.graph.roles import CONVOLUTION, DEPTHWISE

LEAST_ZEROS = 2 / 3
"""Share of zeros of all 1x1 convolutions together from which XNNPACK takes its sparse kernels."""
LEAST_ZEROS_OF_LAYER = 0.5
"""Of a single layer: a choice, as a kernel that multiplies one weight at a time must skip many to pay. On the emulated
Cortex-A76 it makes no difference to none (x 0.35 and x 0.37 of dense)."""
_UNARY = ("relu", "relu6", "leaky_relu", "elu", "hard_swish", "sigmoid", "linear")
_INSIDE = ("BatchNormalization", "Add", "Multiply", "ZeroPadding2D")


def symmetric(model: Any) -> Any:
    """The same network with the same padding on all sides before every stride.

    TensorFlow's `same` pads a stride of 2 on one side only when the input is even, which XNNPACK's sparse chain doesn't
    know. A depthwise 3x3 kernel becomes the corner of a 5x5 one, which computes the same. The chain has no larger
    kernels, and must start with a 3x3 one: these see a pixel of their input too early, and the model must be trained a
    little afterwards.
    """
    tensors: dict[int, Any] = {}
    layers: dict[str, Any] = {}
    for node in keras_graph.nodes(model):
        inputs = [tensors[id(tensor)] for tensor in node.keras_inputs]
        tensors[id(node.outputs)] = _copied(node, inputs, layers)
    outputs = [tensors[id(tensor)] for tensor in model.outputs]
    result = keras.Model([tensors[id(tensor)] for tensor in model.inputs], outputs, name=model.name)
    for layer in model.layers:
        result.get_layer(layer.name).set_weights(_moved(layer, result.get_layer(layer.name)))
    return result


def _copied(node: Any, inputs: list[Any], layers: dict[str, Any]) -> Any:
    layer = node.layer
    if node.is_input:
        return keras.Input(layer.input_shape[0][1:], name=layer.name)
    config = layer.get_config()
    if _pads_unevenly(layer):
        size = layer.kernel_size
        if kind_of(layer).role == DEPTHWISE and tuple(size) == (3, 3) and max(_missing(layer)) > 0:
            config["kernel_size"] = size = (5, 5)
        inputs = [keras.layers.ZeroPadding2D((size[0] // 2, size[1] // 2), name=f"{layer.name}_pad")(inputs[0])]
        config["padding"] = "valid"
    if layer.name not in layers:
        layers[layer.name] = type(layer).from_config(config)
    return keras_graph.call(layers[layer.name], node, inputs)


def _pads_unevenly(layer: Any) -> bool:
    if kind_of(layer).role not in (CONVOLUTION, DEPTHWISE) or layer.padding != "same":
        return False
    return max(layer.strides) > 1 and max(layer.kernel_size) > 1


def _missing(layer: Any) -> list[int]:
    """By how many rows and columns `same` pads less before the image than half a kernel."""
    found = []
    for size, stride, kernel in zip(layer.input_shape[1:3], layer.strides, layer.kernel_size):
        before, _ = same_padding(size, -(-size // stride), stride, kernel)
        found.append(kernel // 2 - before)
    return found


def _moved(old: Any, new: Any) -> list[np.ndarray]:
    """The weights for `new`, whose window may be larger and begin earlier."""
    weights: list[np.ndarray] = old.get_weights()
    if kind_of(old).role != DEPTHWISE or old.kernel_size == new.kernel_size:
        return weights
    kernel = np.zeros((*new.kernel_size, *weights[0].shape[2:]), np.float32)
    top, left = (1 + missing for missing in _missing(old))
    kernel[top : top + 3, left : left + 3] = weights[0]
    return [kernel, *weights[1:]]


def chain(model: Any) -> list[str]:
    """Names of the 1x1 convolutions between the first convolution and the mean.

    Raises:
        UsageError: something in between is not in XNNPACK's sparse chain; the message names it.
    """
    found: list[str] = []
    started = False
    for node in keras_graph.nodes(model):
        layer, kind = node.layer, kind_of(node.layer).name
        if node.is_input or (not started and kind == "ZeroPadding2D"):
            continue
        if not started:
            _check_start(layer, model)
            started = True
        elif kind == "GlobalAveragePooling2D" and not layer.keepdims:
            return found
        elif not _is_inside(layer):
            raise UsageError(
                f"{layer.name} ({kind}) can't be part of the chain of layers that XNNPACK's sparse kernels run: "
                f"{_reason(layer)}. Suitable models: mobilenet_v1, mobilenet_v2, efficientnet_lite0 to lite4. "
                "Prune this model without --for, for its download size, or remove channels instead."
            )
        elif kind == "Conv2D":
            found.append(layer.name)
    raise UsageError(
        f"{model.name} has no GlobalAveragePooling2D, where the chain of XNNPACK's sparse kernels must end. "
        "Prune it without --for."
    )


def _check_start(layer: Any, model: Any) -> None:
    kind = kind_of(layer).name
    good = kind == "Conv2D" and tuple(layer.kernel_size) == (3, 3) and tuple(layer.strides) == (2, 2)
    if not good or layer.padding != "valid" or int(layer.input_shape[-1]) != 3:
        raise UsageError(
            f"{model.name} starts with {layer.name} ({kind}, {layer.input_shape[-1]} input channels); XNNPACK's "
            "sparse kernels expect a 3x3 convolution with stride 2 on 3 color channels. Prune it without --for."
        )


def _is_inside(layer: Any) -> bool:
    kind = kind_of(layer)
    if kind.role == CONVOLUTION:
        return tuple(layer.kernel_size) == (1, 1) and tuple(layer.strides) == (1, 1) and int(layer.groups) == 1
    if kind.role == DEPTHWISE:
        return tuple(layer.kernel_size) in ((3, 3), (5, 5)) and int(layer.depth_multiplier) == 1
    if kind.is_activation:
        return (kind.activation or keras.activations.serialize(layer.activation)) in _UNARY
    return kind.is_training_only or kind.name in _INSIDE


def _reason(layer: Any) -> str:
    kind = kind_of(layer).name
    if kind == "Conv2D":
        return (
            f"its kernel is {'x'.join(map(str, layer.kernel_size))} with stride "
            f"{'x'.join(map(str, layer.strides))}; expected 1x1 with stride 1"
        )
    if kind == "GlobalAveragePooling2D":
        return (
            "a squeeze-excite block or a convolutional classifier averages the whole image in the middle of the chain"
        )
    if kind == "Activation":
        return f"its activation {keras.activations.serialize(layer.activation)} is not supported"
    return "only 1x1 and depthwise convolutions, additions and simple activations are supported"

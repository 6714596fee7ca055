"""Frozen batch norms as part of the convolutions before them, while a step of training is traced.

A batch norm that keeps its statistics multiplies and adds constants. With them in the convolution's kernel and bias,
its passes over the feature maps, forward and backward, are saved, and TensorFlow makes one operator of the convolution,
the bias and the activation (arXiv:1712.05877, section 3.2, folds in the same way).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from edgecnn.core.compat import keras_graph
from edgecnn.core.compat.tensorflow import keras, tf


@contextlib.contextmanager
def folded(model: Any) -> Iterator[None]:
    """Calls of the model inside compute the same in fewer passes."""
    pairs = [(norm, keras_graph.maker(norm.input)) for norm in model.layers if _keeps_statistics(norm)]
    pairs = [(norm, layer) for norm, layer in pairs if _takes_a_norm(layer)]
    with contextlib.ExitStack() as stack:
        for norm, layer in pairs:
            stack.enter_context(keras_graph.called_as(layer, _convolution(layer, norm)))
            stack.enter_context(keras_graph.called_as(norm, lambda inputs, training=None: inputs))
        yield


def _keeps_statistics(layer: Any) -> bool:
    return type(layer) is keras.layers.BatchNormalization and not layer.trainable and len(layer.inbound_nodes) == 1


def _takes_a_norm(layer: Any) -> bool:
    """Whether it is a plain convolution that only the batch norm reads."""
    if type(layer) not in (keras.layers.Conv2D, keras.layers.DepthwiseConv2D) or layer.dilation_rate != (1, 1):
        return False
    return (
        len(layer.inbound_nodes) == len(layer.outbound_nodes) == 1
        and layer.activation is keras.activations.linear
        and layer.data_format == "channels_last"
        and layer.groups == 1
    )


def _convolution(layer: Any, norm: Any) -> Any:
    """A call of the layer, and of the batch norm that follows it."""
    is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    strides, padding = [1, *layer.strides, 1], layer.padding.upper()

    def call(inputs: Any) -> Any:
        scale = tf.math.rsqrt(norm.moving_variance + norm.epsilon) * (1.0 if norm.gamma is None else norm.gamma)
        bias = (0.0 if norm.beta is None else norm.beta) - norm.moving_mean * scale
        bias += layer.bias * scale if layer.use_bias else 0.0
        if is_depthwise:
            kernel = layer.depthwise_kernel * tf.reshape(scale, (-1, layer.depth_multiplier))
            return tf.nn.bias_add(tf.nn.depthwise_conv2d(inputs, kernel, strides, padding), bias)
        return tf.nn.bias_add(tf.nn.conv2d(inputs, layer.kernel * scale, strides, padding), bias)

    return call

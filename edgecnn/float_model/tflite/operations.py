"""What each of TFLite's float operators computes, in TensorFlow: one table. A new operator is one entry.

Settings have the same meaning in both, as TFLite's operators were made from TensorFlow's; what differs is the layout of
weights. The names of options are those of `schema.fbs`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import ModelFileError
from edgecnn.float_model.tflite.node import Node
from edgecnn.runtime.model.graph import TENSOR_TYPES

Operation = Callable[[Node], Any]
"""From a node to its output, or the list of its outputs."""


def _transposed(weights: Any, order: list[int]) -> Any:
    return np.transpose(weights, order) if isinstance(weights, np.ndarray) else tf.transpose(weights, order)


def _biased(node: Node, values: Any, place: int) -> Any:
    bias = node.input(place)
    return node.activated(values if bias is None else tf.nn.bias_add(values, bias))


def _conv(node: Node) -> Any:
    kernel = _transposed(node.inputs[1], [1, 2, 3, 0])  # (outputs, rows, columns, inputs) in the file
    found = tf.nn.conv2d(node.inputs[0], kernel, node.strides, node.padding, dilations=node.dilations)
    if kernel.shape[2] != node.inputs[0].shape[-1]:
        # TensorFlow's optimizer would fuse bias and activation into it, and has no kernel for that with groups.
        found = tf.ensure_shape(found, found.shape)
    return _biased(node, found, 2)


def _depthwise(node: Node) -> Any:
    images, weights = node.inputs[:2]  # (1, rows, columns, input channel * multiplier + m)
    kernel = tf.reshape(weights, [*weights.shape[1:3], images.shape[-1], -1])
    found = tf.nn.depthwise_conv2d(images, kernel, node.strides, node.padding, dilations=node.dilations)
    return _biased(node, found, 2)


def _transpose_conv(node: Node) -> Any:
    shape, weights, images = node.inputs[:3]
    kernel = _transposed(weights, [1, 2, 0, 3])  # (outputs, rows, columns, inputs) in the file
    return _biased(node, tf.nn.conv2d_transpose(images, kernel, shape, node.strides, node.padding), 3)


def _fully_connected(node: Node) -> Any:
    if node.option("weightsFormat"):
        raise ModelFileError("its weights are shuffled for one kind of processor; expected plain ones")
    vectors, weights = node.inputs[:2]
    kernel = _transposed(weights, [1, 0])
    found = _biased(node, tf.matmul(tf.reshape(vectors, [-1, weights.shape[1]]), kernel), 2)
    shape = [*vectors.shape[:-1], weights.shape[0]]
    return tf.reshape(found, shape) if node.option("keepNumDims", False) and len(shape) != 2 else found


def _matmul(node: Node) -> Any:
    return tf.matmul(*node.inputs[:2], transpose_a=node.option("adjX", False), transpose_b=node.option("adjY", False))


def _pool(function: Callable[..., Any]) -> Operation:
    def pool(node: Node) -> Any:
        window = [1, node.option("filterHeight", 1), node.option("filterWidth", 1), 1]
        return node.activated(function(node.inputs[0], window, node.strides, node.padding))

    return pool


def _of_one(function: Callable[[Any], Any]) -> Operation:
    return lambda node: function(node.inputs[0])


def _of_two(function: Callable[[Any, Any], Any]) -> Operation:
    return lambda node: node.activated(function(node.inputs[0], node.inputs[1]))


def _reduction(function: Callable[..., Any]) -> Operation:
    return lambda node: function(node.inputs[0], node.numbers(1), keepdims=node.option("keepDims", False))


def _first_of(function: Callable[..., Any]) -> Operation:
    return lambda node: function(node.inputs[0], node.numbers(1)[0], output_type=tf.int64)


def _reshape(node: Node) -> Any:
    shape = node.input(1)
    return tf.reshape(node.inputs[0], node.option("newShape") if shape is None else shape)


def _squeeze(node: Node) -> Any:
    axes = node.option("squeezeDims", None)
    return tf.squeeze(node.inputs[0], None if axes is None or not len(axes) else [int(axis) for axis in axes])


def _strided_slice(node: Node) -> Any:
    names = {"begin_mask": "beginMask", "end_mask": "endMask", "ellipsis_mask": "ellipsisMask",
             "new_axis_mask": "newAxisMask", "shrink_axis_mask": "shrinkAxisMask"}  # fmt: skip
    begin, end = node.inputs[1:3]
    if node.option("offset", False):
        end = begin + end
    masks = {name: node.option(option) for name, option in names.items()}
    return tf.strided_slice(node.inputs[0], begin, end, node.inputs[3], **masks)


def _resized(function: Callable[..., Any]) -> Operation:
    return lambda node: function(
        images=node.inputs[0],
        size=node.inputs[1],
        align_corners=node.option("alignCorners", False),
        half_pixel_centers=node.option("halfPixelCenters", False),
    )


def _prelu(node: Node) -> Any:
    values, slope = node.inputs[:2]
    return tf.nn.relu(values) + -slope * tf.nn.relu(-values)  # as Keras writes it, which the converter recognizes


def _cast(node: Node) -> Any:
    code = node.option("outDataType")
    dtype = TENSOR_TYPES[code][1] if 0 <= code < len(TENSOR_TYPES) else None
    if dtype is None:
        raise ModelFileError(f"it casts to the type {code}, which has no counterpart in NumPy")
    return tf.cast(node.inputs[0], np.dtype(dtype))


def _hard_swish(values: Any) -> Any:
    return values * (tf.nn.relu6(values + 3.0) * (1.0 / 6.0))


def _local_response(node: Node) -> Any:
    settings = {name: node.option(name, 1) for name in ("bias", "alpha", "beta")}
    return tf.nn.local_response_normalization(node.inputs[0], node.option("radius", 5), **settings)


def _mirror_pad(node: Node) -> Any:
    return tf.pad(node.inputs[0], node.inputs[1], ("REFLECT", "SYMMETRIC")[node.option("mode")])


def _transposition(node: Node) -> Any:
    return tf.transpose(node.inputs[0], node.inputs[1])


OPERATIONS: dict[str, Operation] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transpose_conv,
    "FULLY_CONNECTED": _fully_connected,
    "BATCH_MATMUL": _matmul,
    "AVERAGE_POOL_2D": _pool(tf.nn.avg_pool2d),
    "MAX_POOL_2D": _pool(tf.nn.max_pool2d),
    "ADD": _of_two(tf.add),
    "SUB": _of_two(tf.subtract),
    "MUL": _of_two(tf.multiply),
    "DIV": _of_two(tf.divide),
    "ADD_N": lambda node: tf.add_n(list(node.inputs)),
    "MAXIMUM": _of_two(tf.maximum),
    "MINIMUM": _of_two(tf.minimum),
    "SQUARED_DIFFERENCE": _of_two(tf.math.squared_difference),
    "POW": _of_two(tf.pow),
    "FLOOR_DIV": _of_two(tf.math.floordiv),
    "FLOOR_MOD": _of_two(tf.math.floormod),
    "EQUAL": _of_two(tf.equal),
    "NOT_EQUAL": _of_two(tf.not_equal),
    "LESS": _of_two(tf.less),
    "LESS_EQUAL": _of_two(tf.less_equal),
    "GREATER": _of_two(tf.greater),
    "GREATER_EQUAL": _of_two(tf.greater_equal),
    "LOGICAL_AND": _of_two(tf.logical_and),
    "LOGICAL_OR": _of_two(tf.logical_or),
    "LOGICAL_NOT": _of_one(tf.logical_not),
    "SELECT": lambda node: tf.where(*node.inputs[:3]),
    "SELECT_V2": lambda node: tf.where(*node.inputs[:3]),
    "RELU": _of_one(tf.nn.relu),
    "RELU6": _of_one(tf.nn.relu6),
    "RELU_N1_TO_1": _of_one(lambda values: tf.clip_by_value(values, -1.0, 1.0)),
    "RELU_0_TO_1": _of_one(lambda values: tf.clip_by_value(values, 0.0, 1.0)),
    "LEAKY_RELU": lambda node: tf.nn.leaky_relu(node.inputs[0], node.option("alpha", 0.0)),
    "PRELU": _prelu,
    "ELU": _of_one(tf.nn.elu),
    "GELU": lambda node: tf.nn.gelu(node.inputs[0], approximate=node.option("approximate", False)),
    "HARD_SWISH": _of_one(_hard_swish),
    "LOGISTIC": _of_one(tf.sigmoid),
    "TANH": _of_one(tf.tanh),
    "SOFTMAX": lambda node: tf.nn.softmax(_scaled(node.inputs[0], node.option("beta", 1.0))),
    "LOG_SOFTMAX": _of_one(tf.nn.log_softmax),
    "L2_NORMALIZATION": lambda node: node.activated(tf.math.l2_normalize(node.inputs[0], -1)),
    "LOCAL_RESPONSE_NORMALIZATION": _local_response,
    "ABS": _of_one(tf.abs),
    "NEG": _of_one(tf.negative),
    "SIGN": _of_one(tf.sign),
    "EXP": _of_one(tf.exp),
    "LOG": _of_one(tf.math.log),
    "SQRT": _of_one(tf.sqrt),
    "RSQRT": _of_one(tf.math.rsqrt),
    "SQUARE": _of_one(tf.square),
    "SIN": _of_one(tf.sin),
    "COS": _of_one(tf.cos),
    "FLOOR": _of_one(tf.floor),
    "CEIL": _of_one(tf.math.ceil),
    "ROUND": _of_one(tf.round),
    "MEAN": _reduction(tf.reduce_mean),
    "SUM": _reduction(tf.reduce_sum),
    "REDUCE_MAX": _reduction(tf.reduce_max),
    "REDUCE_MIN": _reduction(tf.reduce_min),
    "REDUCE_PROD": _reduction(tf.reduce_prod),
    "CUMSUM": lambda node: tf.cumsum(
        node.inputs[0], node.numbers(1)[0], node.option("exclusive", False), node.option("reverse", False)
    ),
    "ARG_MAX": _first_of(tf.argmax),
    "ARG_MIN": _first_of(tf.argmin),
    "RESHAPE": _reshape,
    "SQUEEZE": _squeeze,
    "EXPAND_DIMS": lambda node: tf.expand_dims(node.inputs[0], node.numbers(1)[0]),
    "TRANSPOSE": _transposition,
    "BROADCAST_TO": lambda node: tf.broadcast_to(*node.inputs[:2]),
    "CONCATENATION": lambda node: node.activated(tf.concat(list(node.inputs), node.option("axis"))),
    "PACK": lambda node: tf.stack(list(node.inputs), node.option("axis")),
    "UNPACK": lambda node: tf.unstack(node.inputs[0], node.outputs, node.option("axis")),
    "SPLIT": lambda node: tf.split(node.inputs[1], node.outputs, node.numbers(0)[0]),
    "SPLIT_V": lambda node: tf.split(node.inputs[0], node.numbers(1), node.numbers(2)[0]),
    "SLICE": lambda node: tf.slice(*node.inputs[:3]),
    "STRIDED_SLICE": _strided_slice,
    "GATHER": lambda node: tf.gather(*node.inputs[:2], axis=node.option("axis"), batch_dims=node.option("batchDims")),
    "GATHER_ND": lambda node: tf.gather_nd(*node.inputs[:2]),
    "TILE": lambda node: tf.tile(*node.inputs[:2]),
    "REVERSE_V2": lambda node: tf.reverse(node.inputs[0], node.numbers(1)),
    "PAD": lambda node: tf.pad(*node.inputs[:2]),
    "PADV2": lambda node: tf.pad(*node.inputs[:2], constant_values=node.inputs[2]),
    "MIRROR_PAD": _mirror_pad,
    "SPACE_TO_DEPTH": lambda node: tf.nn.space_to_depth(node.inputs[0], node.option("blockSize")),
    "DEPTH_TO_SPACE": lambda node: tf.nn.depth_to_space(node.inputs[0], node.option("blockSize")),
    "SPACE_TO_BATCH_ND": lambda node: tf.space_to_batch(*node.inputs[:3]),
    "BATCH_TO_SPACE_ND": lambda node: tf.batch_to_space(*node.inputs[:3]),
    "RESIZE_BILINEAR": _resized(tf.raw_ops.ResizeBilinear),
    "RESIZE_NEAREST_NEIGHBOR": _resized(tf.raw_ops.ResizeNearestNeighbor),
    "SHAPE": _of_one(tf.shape),
    "RANK": _of_one(tf.rank),
    "FILL": lambda node: tf.fill(*node.inputs[:2]),
    "RANGE": lambda node: tf.range(*node.inputs[:3]),
    "ZEROS_LIKE": _of_one(tf.zeros_like),
    "CAST": _cast,
    "DEQUANTIZE": _of_one(lambda values: tf.cast(values, tf.float32)),  # of float16; integers are real values already
}
"""By TFLite's name."""


def _scaled(values: Any, beta: float) -> Any:
    return values if beta == 1.0 else values * beta

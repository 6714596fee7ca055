"""How pixel values are scaled for a `.tflite` file by others: by its metadata, its first operators."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection

import numpy as np

from ..errors import ModelFileError
from . import assumptions
from .contract import Preprocessing
from .graph import Graph, Operator, Tensor
from .input_range import PIXELS, SIGNED, InputRange, calibrated_range, expected_range
from .metadata import StandardMetadata

_RAW = ["Assumed that the quantized input takes the raw image (pixel values 0 to 255)."]
_ARITHMETIC = {"ADD": np.add, "SUB": np.subtract, "MUL": np.multiply, "DIV": np.divide}
_CLIPPING = {"MAXIMUM": np.maximum, "MINIMUM": np.minimum}
_MOVING = (
    "RESHAPE", "TRANSPOSE", "PAD", "PADV2", "MIRROR_PAD", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "CAST",
    "DEQUANTIZE", "EXPAND_DIMS", "SQUEEZE", "REVERSE_V2", "STRIDED_SLICE", "SLICE", "SPLIT", "UNPACK", "GATHER",
    "CONCATENATION", "PACK",
)  # fmt: skip
"""Operators that leave the values of a plain image as they are."""
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_TINY = 1 / 16  # between filters of norm 1, for values of about -1 to 1, and those divided by 255
_INTEGERS = {"UINT8": (0, 255), "INT8": (-128, 127), "INT16": (-32768, 32767)}


def guessed_scaling(
    graph: Graph,
    known: StandardMetadata | None,
    preprocessing: Preprocessing,
    said: Collection[str],
    name: str,
) -> tuple[Preprocessing, list[str]]:
    """The preprocessing with mean and std, and what was assumed for them.

    Args:
        graph: of the file.
        known: what the standard metadata says.
        preprocessing: without mean and std.
        said: names of what a person has said.
        name: of the file, for messages.

    Raises:
        ModelFileError: the input's quantization is damaged.
    """
    tensor = graph.tensors[graph.inputs[0]]
    both_said = {"mean", "std"} <= set(said)
    if tensor.dtype in ("UINT8", "INT8") and (tensor.dtype == "UINT8" or not _told(known)):
        # MediaPipe feeds a uint8 input the raw image, whatever the metadata say of float values.
        mean, std = _raw_picture(tensor, name)
        sentences = [] if both_said or _told(known) else _RAW
        return dataclasses.replace(preprocessing, mean=mean, std=std), list(sentences)
    if known and known.mean and known.std:
        return dataclasses.replace(preprocessing, mean=known.mean, std=known.std), []
    found = None if both_said else _range_inside(graph)
    scaled = found or SIGNED
    sentences = assumptions.of_scaling(found, said)
    return scaled.applied(preprocessing), sentences


def _told(known: StandardMetadata | None) -> bool:
    """Whether the metadata tell what to do; mean 0 and std 1 of a quantized input mean: nothing."""
    if not (known and known.mean and known.std):
        return False
    return any(known.mean) or any(value != 1 for value in known.std)


def _raw_picture(tensor: Tensor, name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Whatever the training's normalization was, a quantized input spans the picture's 0..255."""
    offset = 128.0 if tensor.dtype == "INT8" else 0.0
    if tensor.scale.size != 1:
        return (offset,), (1.0,)
    scale, zero_point = float(tensor.scale[0]), float(tensor.zero_point[0])
    if not 0 < scale < math.inf:
        raise ModelFileError(
            f"{name} is damaged: the scale of its input is {scale}; expected a positive number. Convert the model "
            "again."
        )
    return (zero_point + offset,), (1.0 / scale,)


def _range_inside(graph: Graph) -> InputRange | None:
    """What the first operators of a float input tell: a QUANTIZE by its range, others by their arithmetic."""
    path, weighted = _before_weights(graph)
    first = path[0] if path else None
    if first is not None and first.name == "QUANTIZE":
        output = graph.tensors[first.outputs[0]]
        if output.scale.size == 1 and output.dtype in _INTEGERS:
            scale, zero = float(output.scale[0]), float(output.zero_point[0])
            low, high = ((limit - zero) * scale for limit in _INTEGERS[output.dtype])
            return calibrated_range(low, high)
    if any(each.name == "CAST" and graph.tensors[each.outputs[0]].dtype == "UINT8" for each in path):
        return PIXELS
    found = expected_range(lambda value: _response(graph, path, value))
    return PIXELS if found is None and weighted is not None and _folded(graph, weighted) else found


def _before_weights(graph: Graph) -> tuple[list[Operator], Operator | None]:
    """The operators from the input to the first that has weights, one after the other; and that one."""
    found: list[Operator] = []
    tensor = graph.inputs[0]
    while True:
        following = [each for each in graph.operators if tensor in each.inputs]
        if not following or following[0].name not in {*_ARITHMETIC, *_CLIPPING, *_MOVING, "QUANTIZE"}:
            return found, following[0] if following and following[0].name in _WEIGHTED else None
        found.append(following[0])
        tensor = following[0].outputs[0]


def _folded(graph: Graph, operator: Operator) -> bool:
    """Whether the converter has folded a division of pixels by 255 or so into the first weights: they are tiny then."""
    kernel = graph.tensors[operator.inputs[1]]
    producer = next((each for each in graph.operators if kernel.index in each.outputs), None)
    if producer is not None and producer.name == "DEQUANTIZE":  # float16
        kernel = graph.tensors[producer.inputs[0]]
    values = _constant(kernel)
    if values.ndim < 2:
        return False
    filters = values.reshape(-1, values.shape[-1]).T if operator.name == "DEPTHWISE_CONV_2D" else values
    norms = np.linalg.norm(filters.reshape(len(filters), -1).astype(np.float64), axis=1)
    return bool(0 < np.median(norms) < _TINY)


def _response(graph: Graph, path: list[Operator], value: float) -> float:
    """What an image of one value has become, averaged over the channels."""
    values = np.asarray(value, np.float64)
    before = graph.inputs[0]
    for operator in path:
        if operator.name in _ARITHMETIC or operator.name in _CLIPPING:
            function = _ARITHMETIC.get(operator.name) or _CLIPPING[operator.name]
            sides = [values if number == before else _constant(graph.tensors[number]) for number in operator.inputs]
            values = function(*sides)
        before = operator.outputs[0]
    return float(np.mean(values))


def _constant(tensor: Tensor) -> np.ndarray:
    """Real values of the other side of an arithmetic operator; of one that is no constant, nothing is known."""
    if not tensor.is_constant or not (tensor.dtype in ("FLOAT32", "FLOAT16") or tensor.scale.size):
        return np.asarray(math.nan)
    return tensor.dequantize(tensor.values())

"""The Edge TPU's rules as data and small functions. Option numbers are those of TensorFlow Lite's `schema.fbs`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from edgecnn.runtime.model.tflite import Graph, Operator

Found = tuple[str, str, str]  # the compiler's status, our reason, the remedy

MAPPED = "Mapped to Edge TPU"
WRONG_TYPE = "Operation is working on an unsupported data type"
UNSUPPORTED = "Operation not supported"
UNSPECIFIED = "Operation is otherwise supported, but not mapped due to some unspecified limitation"
WRONG_VERSION = "Operation version not supported"

_SUPPORTED = """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED L2_NORMALIZATION LOGISTIC
    MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL PACK PAD PRELU QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_N1_TO_1 RESHAPE
    RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQUEEZE STRIDED_SLICE SUB SUM TANH
    TRANSPOSE TRANSPOSE_CONV
"""
SUPPORTED = frozenset(_SUPPORTED.split())
# The newest version of an operator that the compiler (version 16, frozen in 2021) reads. CONV_2D and QUANTIZE are
# known from users' logs, FULLY_CONNECTED's 9 was refused there; the rest are TensorFlow 2.5's.
NEWEST_VERSIONS = {
    "ADD": 4, "AVERAGE_POOL_2D": 3, "CONCATENATION": 3, "CONV_2D": 5, "DEPTHWISE_CONV_2D": 6, "FULLY_CONNECTED": 8,
    "L2_NORMALIZATION": 2, "LOGISTIC": 3, "MAXIMUM": 4, "MAX_POOL_2D": 3, "MEAN": 3, "MINIMUM": 4, "MUL": 4, "PACK": 3,
    "PAD": 3, "QUANTIZE": 2, "REDUCE_MAX": 2, "REDUCE_MIN": 2, "RELU": 2, "RELU6": 2, "RESIZE_BILINEAR": 3,
    "RESIZE_NEAREST_NEIGHBOR": 3, "SLICE": 3, "SOFTMAX": 3, "SPACE_TO_DEPTH": 2, "SPLIT": 4, "SQUEEZE": 1,
    "STRIDED_SLICE": 5, "SUB": 5, "SUM": 2, "TANH": 3, "TRANSPOSE": 5, "TRANSPOSE_CONV": 3,
}  # fmt: skip
MAX_SOFTMAX = 16_000
_WITH_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
_REMEDIES = {
    "HARD_SWISH": "Build a `minimalistic` MobileNetV3, MobileNetV2 or EfficientNet-Lite. (Written as RELU6 "
    "and MUL it maps; but TensorFlow's converter fuses these into HARD_SWISH.)",
    "LEAKY_RELU": "Use ReLU, ReLU6 or PReLU.",
    "ELU": "Use ReLU or ReLU6.",
    "GELU": "Use ReLU6 or swish (x * sigmoid(x)).",
    "PADV2": "Pad with zero (PAD).",
    "DEQUANTIZE": "Quantize with --io uint8, so that the output stays quantized.",
    "DIV": "Multiply by the reciprocal.",
    "ARG_MAX": "Leave the best class to the program that reads the output.",
}


def unsupported(operator: Operator) -> Found | None:
    """An operator that the chip doesn't have."""
    if operator.name in SUPPORTED:
        return None
    if operator.name == "DEQUANTIZE":
        return WRONG_TYPE, "it makes floating-point numbers.", _REMEDIES["DEQUANTIZE"]
    remedy = _REMEDIES.get(operator.name, "Replace it by operators that the chip has, or end the model before it.")
    return UNSUPPORTED, f"the Edge TPU has no {operator.name}.", remedy


def wrong_version(operator: Operator) -> Found | None:
    """A version of an operator that came after the compiler."""
    newest = NEWEST_VERSIONS.get(operator.name, 1 if operator.name in SUPPORTED else operator.version)
    if operator.version <= newest:
        return None
    reason = f"it is version {operator.version}; the compiler knows {newest} at most."
    return WRONG_VERSION, reason, "edgecnn compile lowers it where the model computes the same afterwards."


def limitation(graph: Graph, operator: Operator) -> Found | None:
    """A setting or shape that the chip's version of the operator doesn't have."""
    rule = _LIMITATIONS.get(operator.name)
    found = _computed_weights(graph, operator) or (rule(graph, operator) if rule else None)
    return (UNSPECIFIED, *found) if found else None


_Rule = Callable[[Graph, Operator], "tuple[str, str] | None"]


def may_stay(operators: Iterable[Operator]) -> tuple[str, ...]:
    """What Coral's table leaves open, in sentences."""
    unsure = sorted({operator.name for operator in operators} & {"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"})
    return tuple(f"{name} may stay on the processor when it is large; Coral publishes no limit." for name in unsure)


def _computed_weights(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    if operator.name not in _WITH_WEIGHTS or graph.tensors[operator.inputs[1]].is_constant:
        return None
    return "its weights are computed at run time; expected constants.", "Use a layer with trained weights."


def _dilation(across: int, down: int) -> _Rule:
    def rule(graph: Graph, operator: Operator) -> tuple[str, str] | None:
        width, height = operator.option(across, default=1), operator.option(down, default=1)
        if width == height:
            return None
        return f"its dilation is {height} x {width}; expected the same both ways.", "Use the same dilation both ways."

    return rule


def _no_activation(number: int) -> _Rule:
    def rule(graph: Graph, operator: Operator) -> tuple[str, str] | None:
        if not operator.option(number, "int8"):
            return None
        return "it has a fused activation; expected none.", "Put the activation before it, or into a layer of its own."

    return rule


def _concatenation(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    fused = _no_activation(1)(graph, operator)
    if fused:
        return fused
    tensors = [graph.tensors[number] for number in operator.inputs]
    constants = [tensor for tensor in tensors if tensor.is_constant]
    if any(len(tensor.shape) > 4 for tensor in tensors):
        return _too_many_dimensions(graph, operator)
    for tensor in constants:
        zero = tensor.zero_point[0] if tensor.zero_point.size else 0
        if len(tensors) != 2 or len(constants) != 1 or bool((tensor.values() != zero).any()):
            return (
                "a constant input is allowed only as one of two, all zeros.",
                "Concatenate computed tensors; pad with zeros where that was meant.",
            )
    return None


def _too_many_dimensions(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    shape = graph.tensors[operator.inputs[0]].shape
    return (f"it has {len(shape)} dimensions; expected at most 4.", "Reshape it first.") if len(shape) > 4 else None


def _fully_connected(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    if operator.option(1, "int8"):
        return "its weights are in a shuffled format.", "Convert the model again for the default weight format."
    return _one_dimension(graph, operator, "Flatten before the dense layer.")


def _softmax(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    elements = graph.tensors[operator.outputs[0]].elements
    if elements > MAX_SOFTMAX:
        return f"it is over {elements:,} values; at most {MAX_SOFTMAX:,}.", "Leave the softmax to the processor."
    return _one_dimension(graph, operator, "Apply it to one vector.")


def _one_dimension(graph: Graph, operator: Operator, remedy: str) -> tuple[str, str] | None:
    shape = graph.tensors[operator.outputs[0]].shape
    if math.prod(shape[:-1]) == 1:
        return None
    return f"its output {list(shape)} is no single vector.", remedy


def _axes(graph: Graph, operator: Operator) -> set[int]:
    rank = len(graph.tensors[operator.inputs[0]].shape)
    axes = graph.tensors[operator.inputs[1]]
    return {int(axis) % rank for axis in axes.values().reshape(-1)} if axes.is_constant else set()


def _mean(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    shape, axes = graph.tensors[operator.inputs[0]].shape, _axes(graph, operator)
    if len(shape) == 4 and 0 in axes:
        return "it averages over the batch.", "Average over height and width."
    if len(shape) - 1 in axes and shape[-1] % 4:
        return f"it averages over {shape[-1]} channels; expected a multiple of 4.", "Use a multiple of 4 channels."
    return None


def _reduce(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    if len(graph.tensors[operator.inputs[0]].shape) == 4 and 0 in _axes(graph, operator):
        return "it reduces over the batch.", "Reduce over height, width or channels."
    return None


def _pad(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    padding = graph.tensors[operator.inputs[1]]
    rank = len(graph.tensors[operator.inputs[0]].shape)
    if rank == 4 and padding.is_constant and bool(padding.values().reshape(rank, 2)[0].any()):
        return "it pads the batch.", "Pad height, width or channels."
    return None


def _pack(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    rank = len(graph.tensors[operator.outputs[0]].shape)
    if operator.option(1) % rank == 0 and rank == 4:
        return "it stacks along the batch.", "Stack along another axis."
    return None


def _prelu(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    alpha = graph.tensors[operator.inputs[1]].shape
    if math.prod(alpha[:-1]) == 1:
        return None
    return f"its slopes have the shape {list(alpha)}; expected one per channel.", "PReLU(shared_axes=[1, 2])."


def _squeeze(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    before, after = graph.tensors[operator.inputs[0]].shape, graph.tensors[operator.outputs[0]].shape
    if before[len(before) - len(after) :] == after:
        return None
    return "it removes other than leading dimensions.", "Use Reshape."


def _strided_slice(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    strides = graph.tensors[operator.inputs[3]]
    if strides.is_constant and bool((strides.values() != 1).any()):
        return f"its strides are {strides.values().tolist()}; expected 1.", "Slice without steps."
    if operator.option(2) or operator.option(3):
        return "it has an ellipsis or new-axis mask.", "Write out the slice of every axis."
    return None


_LIMITATIONS: dict[str, _Rule] = {
    "CONV_2D": _dilation(4, 5),
    "DEPTHWISE_CONV_2D": _dilation(5, 6),
    "AVERAGE_POOL_2D": _no_activation(5),
    "MAX_POOL_2D": _no_activation(5),
    "CONCATENATION": _concatenation,
    "FULLY_CONNECTED": _fully_connected,
    "SOFTMAX": _softmax,
    "MEAN": _mean,
    "SUM": _too_many_dimensions,
    "REDUCE_MAX": _reduce,
    "REDUCE_MIN": _reduce,
    "PAD": _pad,
    "PACK": _pack,
    "PRELU": _prelu,
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
}

# Keras layers (class, or activation in their settings) -> what is wrong with them.
_HARD_SWISH = "hard-swish becomes HARD_SWISH, which the Edge TPU doesn't have"
_KERAS_ACTIVATIONS = {
    "hard_swish": _HARD_SWISH,
    "hard_silu": _HARD_SWISH,
    "gelu": "GELU is not among the Edge TPU's operators",
    "elu": "ELU is not among the Edge TPU's operators",
    "selu": "SELU is not among the Edge TPU's operators",
    "leaky_relu": "leaky ReLU (LEAKY_RELU) is not among the Edge TPU's operators",
    "square": "a squared ReLU is not among the Edge TPU's operators",
    "mish": "Mish is not among the Edge TPU's operators",
}
_KERAS_LAYERS = {
    "HardSwish": "hard_swish", "LeakyReLU": "leaky_relu", "ELU": "elu", "StarReLU": "square", "SquaredReLU": "square",
}  # fmt: skip
_NO_LAYER = (
    *("LSTM", "GRU", "SimpleRNN", "Conv3D", "Lambda"),
    *("MultiHeadAttention", "Attention", "LayerNormalization", "LayerNorm", "GroupNormalization"),
)


def keras_warnings(keras_model: Any, on_chip_bytes: int) -> list[str]:
    """See `edgecnn.targets.warn_before_training`."""
    found: dict[str, list[str]] = {}
    for layer in _layers(keras_model):
        problem = _layer_problem(layer)
        if problem:
            found.setdefault(problem, []).append(str(layer.name))
    lines = []
    for problem, names in found.items():
        more = f" and {len(names) - 1} more layers" if len(names) > 1 else ""
        lines.append(
            f"Edge TPU: {problem} ({names[0]}{more}); it and everything after {names[0]} would run on the processor. "
            + _keras_remedy(problem)
        )
    parameters = int(keras_model.count_params())
    if parameters > on_chip_bytes:
        lines.append(
            f"Edge TPU: about {parameters / (1 << 20):.1f} MiB of int8 parameters (estimate) don't fit on the chip "
            f"({on_chip_bytes / (1 << 20):.1f} MiB at most); the rest is read over the bus at every inference."
        )
    return lines


def _layers(keras_model: Any) -> list[Any]:
    """All layers, those of nested models included."""
    layers = []
    for layer in keras_model.layers:
        layers += _layers(layer) if hasattr(layer, "layers") else [layer]
    return layers


def _layer_problem(layer: Any) -> str:
    kind, config = type(layer).__name__, layer.get_config()
    activation = config.get("activation") or _KERAS_LAYERS.get(kind)
    if isinstance(activation, str) and activation in _KERAS_ACTIVATIONS:
        return _KERAS_ACTIVATIONS[activation]
    if kind in _NO_LAYER:
        return f"{kind} has no counterpart on the Edge TPU"
    dilation = config.get("dilation_rate", 1)
    if isinstance(dilation, (tuple, list)) and len(set(dilation)) > 1:
        return f"a dilation of {tuple(dilation)} differs in height and width"
    if kind == "Conv2D" and config.get("groups", 1) > 1:
        return "a grouped convolution needs CONV_2D version 6, which the compiler doesn't know"
    return ""


def _keras_remedy(problem: str) -> str:
    if problem == _HARD_SWISH:
        return "Build a `_minimalistic` variant, MobileNetV2 or EfficientNet-Lite instead."
    return "Choose layers from Coral's list (ReLU, ReLU6, PReLU, swish; convolutions, pooling, dense)."

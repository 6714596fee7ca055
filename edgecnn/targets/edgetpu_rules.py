"""The Edge TPU's rules that hold for every operator: its kind, its tensors' types and shapes, its version.

Sources: Coral's table of supported operations ("TensorFlow models on the Edge TPU", runtime 14), the logs that users
posted to github.com/google-coral/edgetpu, and models that are public together with what `edgetpu_compiler` made of
them. A rule that has another source than Coral's table names it.
"""

from __future__ import annotations

import math

from edgecnn.graph.operator_kinds import kind_of
from edgecnn.runtime.model.foreign_detector import POSTPROCESS
from edgecnn.runtime.model.graph import Graph, Operator, Tensor
from edgecnn.targets import edgetpu_limits

Found = tuple[str, str, str]  # the compiler's status, our reason, the remedy

MAPPED = "Mapped to Edge TPU"
WRONG_TYPE = "Operation is working on an unsupported data type"
UNSUPPORTED = "Operation not supported"
UNSPECIFIED = "Operation is otherwise supported, but not mapped due to some unspecified limitation"
WRONG_VERSION = "Operation version not supported"

# TILE is not in Coral's table, but the compiler maps it (public pairs).
_SUPPORTED = """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED L2_NORMALIZATION LOGISTIC
    MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL PACK PAD PRELU QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_N1_TO_1 RESHAPE
    RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQUARED_DIFFERENCE SQUEEZE
    STRIDED_SLICE SUB SUM TANH TILE TRANSPOSE TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM
"""
SUPPORTED = frozenset(_SUPPORTED.split())
# The newest version of an operator that the compiler (version 16, frozen in 2021) reads. CONV_2D and QUANTIZE are
# known from users' logs, FULLY_CONNECTED's 9 was refused there; the rest are TensorFlow 2.5's.
NEWEST_VERSIONS = {
    "ADD": 4, "AVERAGE_POOL_2D": 3, "CONCATENATION": 3, "CONV_2D": 5, "DEPTHWISE_CONV_2D": 6, "FULLY_CONNECTED": 8,
    "L2_NORMALIZATION": 2, "LOGISTIC": 3, "MAXIMUM": 4, "MAX_POOL_2D": 3, "MEAN": 3, "MINIMUM": 4, "MUL": 4, "PACK": 3,
    "PAD": 3, "QUANTIZE": 2, "REDUCE_MAX": 2, "REDUCE_MIN": 2, "RELU": 2, "RELU6": 2, "RESIZE_BILINEAR": 3,
    "RESIZE_NEAREST_NEIGHBOR": 3, "RSQRT": 2, "SLICE": 3, "SOFTMAX": 3, "SPACE_TO_DEPTH": 2, "SPLIT": 4,
    "SQUARED_DIFFERENCE": 2, "SQUEEZE": 1, "STRIDED_SLICE": 5, "SUB": 5, "SUM": 2, "TANH": 3, "TILE": 2, "TRANSPOSE": 5,
    "TRANSPOSE_CONV": 3, "UNIDIRECTIONAL_SEQUENCE_LSTM": 3,
}  # fmt: skip
# Operators that convert a model's input. In public pairs the compiler leaves them before its partition: MoveNet's CAST
# and the QUANTIZE of a float input.
CONVERSIONS = ("CAST", "QUANTIZE")
# An LSTM computes with its input and 8 matrices; its biases, and the cell state of int16, are its own affair.
_LSTM, _LSTM_INPUTS = "UNIDIRECTIONAL_SEQUENCE_LSTM", 9
_QUANTIZE_ALL = (
    "Quantize the whole model: edgecnn quantize MODEL --scheme int8. Use the model that this file was converted from."
)
_QUANTIZED_OUTPUT = "Quantize with --io uint8, so that the output stays quantized."
_REMEDIES = {
    "CAST": "Convert the model with a uint8 or int8 input, so that no cast is needed.",
    "HARD_SWISH": "Build a `minimalistic` MobileNetV3, MobileNetV2 or EfficientNet-Lite. (RELU6 and MUL would run "
    "on the Edge TPU, but TensorFlow's converter fuses them into HARD_SWISH.)",
    "LEAKY_RELU": "Use ReLU, ReLU6 or PReLU.",
    "ELU": "Use ReLU or ReLU6.",
    "GELU": "Use ReLU6 or swish (x * sigmoid(x)).",
    "PADV2": "Pad with zero (PAD).",
    "DIV": "Multiply by the reciprocal.",
    "ARG_MAX": "Compute the best class in the program that reads the output.",
}


def refusal(graph: Graph, operator: Operator, unknown: frozenset[int]) -> Found | None:
    """Why an operator by itself does not map; None where it does.

    Args:
        graph: that it is part of.
        operator: the operator.
        unknown: tensors whose shape the file doesn't say; what depends on their size can't be checked.
    """
    return (
        _unsupported(graph, operator)
        or _wrong_type(graph, operator)
        or _wrong_shape(graph, operator)
        or _limitation(graph, operator, unknown)
        or _wrong_version(operator)
    )


def _unsupported(graph: Graph, operator: Operator) -> Found | None:
    if operator.name in SUPPORTED:
        return None
    if operator.name == "DEQUANTIZE":
        if _feeds_postprocess(graph, operator):
            return WRONG_TYPE, f"it is there for {POSTPROCESS}, which runs on the processor in all detectors.", ""
        at_edge = not graph.tensors[operator.inputs[0]].is_constant and set(operator.outputs) <= set(graph.outputs)
        return (
            WRONG_TYPE,
            "the operator produces floating-point numbers.",
            _QUANTIZED_OUTPUT if at_edge else _QUANTIZE_ALL,
        )
    if operator.name == POSTPROCESS:
        return UNSUPPORTED, "it runs on the processor in all detectors for the Edge TPU.", ""
    remedy = _REMEDIES.get(
        operator.name, "Replace the operator by operators that the chip supports, or end the model before it."
    )
    return UNSUPPORTED, f"the Edge TPU has no operator {operator.name}.", remedy


def _feeds_postprocess(graph: Graph, operator: Operator) -> bool:
    """Whether what reads a tensor in float is the operator that turns it into boxes."""
    readers = [each for each in graph.operators if set(operator.outputs) & set(each.inputs)]
    return bool(readers) and all(reader.name == POSTPROCESS for reader in readers)


def _wrong_version(operator: Operator) -> Found | None:
    """A version of an operator that came after the compiler."""
    newest = NEWEST_VERSIONS.get(operator.name, 1)
    if operator.version <= newest:
        return None
    reason = f"the operator has version {operator.version}; the compiler supports at most version {newest}."
    return WRONG_VERSION, reason, "edgecnn compile lowers the version if the result stays the same."


def _computed(graph: Graph, operator: Operator) -> list[Tensor]:
    """What is computed at run time."""
    numbers = [*(number for number in operator.inputs if number != -1), *operator.outputs]
    return [graph.tensors[number] for number in numbers if not graph.tensors[number].is_constant]


def _operands(graph: Graph, operator: Operator) -> list[Tensor]:
    """All that an operator computes with; arguments (shapes, axes) and biases are left out."""
    inputs = operator.inputs[:_LSTM_INPUTS] if operator.name == _LSTM else operator.inputs
    tensors = [graph.tensors[number] for number in (*(number for number in inputs if number != -1), *operator.outputs)]
    return [tensor for tensor in tensors if not (tensor.is_constant and tensor.dtype in ("INT32", "INT64", "BOOL"))]


def _wrong_type(graph: Graph, operator: Operator) -> Found | None:
    for tensor in _operands(graph, operator):
        if tensor.dtype in ("INT8", "UINT8"):
            continue
        name = tensor.name.split(";")[0]
        if tensor.dtype in ("INT32", "INT64") and tensor.index in operator.inputs[1:]:
            reason = f"the argument {name!r} is computed at run time; expected a constant."
            return UNSPECIFIED, reason, "Convert the model with a fixed input shape, including a batch size of 1."
        reason = f"the tensor {name!r} is {tensor.dtype}; expected INT8 or UINT8."
        if operator.name == "QUANTIZE":  # users' logs give a QUANTIZE of floats the other status
            edges = "Quantize with --io uint8: a float input or output leaves its conversion on the processor."
            return UNSPECIFIED, reason, edges
        return WRONG_TYPE, reason, _QUANTIZE_ALL
    return None


def _wrong_shape(graph: Graph, operator: Operator) -> Found | None:
    """The compiler takes a free batch as 1 (public pairs: LibrEdgeTPU's dense models); no other dimension is free."""
    for tensor in _computed(graph, operator):
        if tensor.index in graph.inputs and -1 in tensor.signature[1:]:
            name, signature = tensor.name.split(";")[0], list(tensor.signature)
            reason = f"{name!r} has the dynamic shape {signature}; expected fixed numbers (the batch may be dynamic)."
            return UNSPECIFIED, reason, "Convert the model with a fixed input shape."
        if math.prod(tensor.shape[:-3]) != 1:
            reason = f"the shape {list(tensor.shape)} is larger than 1 outside of the innermost three dimensions."
            return (
                UNSPECIFIED,
                reason,
                "Reshape or split the tensor so that only height, width and channels are larger than 1.",
            )
    return None


def _limitation(graph: Graph, operator: Operator, unknown: frozenset[int]) -> Found | None:
    """A setting or size that the chip's version of the operator doesn't have."""
    found = _computed_weights(graph, operator)
    if found is None and unknown.isdisjoint((*operator.inputs, *operator.outputs)):
        found = edgetpu_limits.limitation(graph, operator)
    return (UNSPECIFIED, *found) if found else None


def _computed_weights(graph: Graph, operator: Operator) -> tuple[str, str] | None:
    weights = kind_of(operator.name).weights
    if weights is None or graph.tensors[operator.inputs[weights]].is_constant:
        return None
    return "the weights are computed at run time; expected constants.", "Use a layer with trained weights."

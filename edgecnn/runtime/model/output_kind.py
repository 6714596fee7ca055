"""What a classifier's output holds, from what computes it: a softmax, a sigmoid, or neither."""

from __future__ import annotations

from collections.abc import Collection

from ..errors import ModelFileError
from .graph import Graph, Operator

LOGITS = "logits"
PROBABILITIES = "probabilities"
INDEPENDENT_LOGITS = "independent_logits"
INDEPENDENT_PROBABILITIES = "independent_probabilities"
BINARY_LOGIT = "binary_logit"
BINARY_PROBABILITY = "binary_probability"
BINARY = (BINARY_LOGIT, BINARY_PROBABILITY)

SOFTMAX, SIGMOID, UNKNOWN = "softmax", "sigmoid", ""
"""What an output passes through last."""
ONE_LOGIT = (
    "Found no sigmoid before the model's only output: assumed that the output is a logit for the second of two "
    "classes. If not, set --output-kind."
)
_FORMAT = ("DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "CAST", "TRANSPOSE")
"""Operators that leave the values as they are."""
_PARTS = ("STRIDED_SLICE", "SLICE", "SPLIT", "SPLIT_V", "UNPACK", "GATHER", "CONCATENATION", "PACK")
"""Operators after which probabilities are probabilities, but no longer add up to 1."""
_UNIT_STEP = 1 / 256


def of_activation(activation: str, size: int) -> str:
    """The kind of output of `size` values that pass through an activation last.

    Raises:
        ModelFileError: one value passes through a softmax, which makes it 1 for every image.
    """
    if size == 1 and activation == SOFTMAX:
        raise ModelFileError(
            "The model's only output passes through a softmax, so it is 1 for every image. Train the model with "
            "a sigmoid, or with one output per class."
        )
    if size == 1:
        return BINARY_PROBABILITY if activation == SIGMOID else BINARY_LOGIT
    return {SOFTMAX: PROBABILITIES, SIGMOID: INDEPENDENT_PROBABILITIES}.get(activation, LOGITS)


def guessed(graph: Graph, said: Collection[str]) -> tuple[str, list[str]]:
    """The kind of a graph's only output, and what was assumed for it.

    Args:
        graph: of a classifier.
        said: names of what a person has said, see `edgecnn.core.hints`.

    Raises:
        ModelFileError: see `of_activation`.
    """
    kind = of_activation(activation_of(graph), graph.tensors[graph.outputs[0]].elements)
    return kind, [ONE_LOGIT] if kind == BINARY_LOGIT and "output_kind" not in said else []


def activation_of(graph: Graph) -> str:
    """What a graph's first output passes through last, before changes of its number format and shape."""
    makers = {number: operator for operator in graph.operators for number in operator.outputs}
    found = _activation(graph.outputs[0], makers, 0)
    return found or (_by_its_steps(graph) if len(graph.outputs) == 1 else UNKNOWN)


def _activation(number: int, makers: dict[int, Operator], depth: int) -> str:
    operator = makers.get(number)
    if operator is None or depth > len(makers):
        return UNKNOWN
    if operator.name in ("SOFTMAX", "LOGISTIC"):
        return SOFTMAX if operator.name == "SOFTMAX" else SIGMOID
    if operator.name in _FORMAT:
        return _activation(operator.inputs[0], makers, depth + 1)
    if operator.name in _PARTS:
        read = [each for each in operator.inputs if each in makers]
        return SIGMOID if read and all(_activation(each, makers, depth + 1) for each in read) else UNKNOWN
    return UNKNOWN


def _by_its_steps(graph: Graph) -> str:
    """TFLite's fixed steps of a quantized softmax or sigmoid, where a compiler has swallowed the operator itself."""
    output = graph.tensors[graph.outputs[0]]
    if output.scale.size != 1 or abs(float(output.scale[0]) - _UNIT_STEP) > 1e-6:
        return UNKNOWN
    return SIGMOID if output.elements == 1 else SOFTMAX

"""Probabilities as the output of a `.tflite` classifier that gives logits: one operator more at its end.

Of a quantized output they are on TFLite's fixed grid, steps of 1/256 (1/32768 for int16): where two classes are closer
than a step they become equal, and the lower index wins; small probabilities become 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgecnn.core.compat.litert_schema import builtin_code, operator_code, pack, schema, unpack
from edgecnn.core.errors import ModelFileError
from edgecnn.runtime.model.output_kind import (
    BINARY_LOGIT,
    BINARY_PROBABILITY,
    INDEPENDENT_LOGITS,
    INDEPENDENT_PROBABILITIES,
    LOGITS,
    PROBABILITIES,
)

PROBABILITIES_OF = {
    LOGITS: PROBABILITIES,
    INDEPENDENT_LOGITS: INDEPENDENT_PROBABILITIES,
    BINARY_LOGIT: BINARY_PROBABILITY,
}
"""Kind of output -> the kind that it has once it has passed through softmax or sigmoid."""
_Type = schema.TensorType
_GRIDS = {_Type.FLOAT32: None, _Type.UINT8: (1 / 256, 0), _Type.INT8: (1 / 256, -128), _Type.INT16: (1 / 32768, 0)}
_VERSIONS = {_Type.FLOAT32: 1, _Type.UINT8: 1, _Type.INT8: 2, _Type.INT16: 3}


def with_probabilities(model: bytes, kind: str) -> bytes:
    """The same graph with a softmax, or a sigmoid, behind its only output.

    A last QUANTIZE, which changes int8 to uint8, stays the last operator.

    Args:
        model: `.tflite` bytes.
        kind: what the output holds, a key of `PROBABILITIES_OF`.

    Raises:
        ModelFileError: the output has a type or shape that TFLite's operators don't take.
    """
    unpacked = unpack(model)
    graph = unpacked.subgraphs[0]
    output = int(graph.outputs[0])
    last = next((each for each in graph.operators if output in list(each.outputs)), None)
    if last is not None and _converts_sign(unpacked, graph, last):
        logits = int(last.inputs[0])
        last.inputs = np.asarray([_activated(unpacked, graph, logits, kind, graph.operators.index(last))], np.int32)
        _set_grid(graph.tensors[output])
        return pack(unpacked)
    made = _activated(unpacked, graph, output, kind, len(graph.operators))
    graph.outputs = np.asarray([made], np.int32)
    for signature in unpacked.signatureDefs or []:
        for entry in signature.outputs or []:
            entry.tensorIndex = made if entry.tensorIndex == output else entry.tensorIndex
    return pack(unpacked)


def _converts_sign(model: Any, graph: Any, operator: Any) -> bool:
    if builtin_code(model.operatorCodes[operator.opcodeIndex]) != schema.BuiltinOperator.QUANTIZE:
        return False
    types = [graph.tensors[int(each[0])].type for each in (operator.inputs, operator.outputs)]
    return types == [_Type.INT8, _Type.UINT8]


def _activated(model: Any, graph: Any, logits: int, kind: str, place: int) -> int:
    """Insert the operator; returns the tensor of the probabilities."""
    source = graph.tensors[logits]
    shape = [int(size) for size in source.shape]
    if source.type not in _GRIDS or (kind == LOGITS and shape[-1] != np.prod(shape)):
        raise ModelFileError(
            f"The output, of shape {shape}, can't be made probabilities: expected float32, int8, uint8 or int16 of "
            "shape [1, classes]. Quantize the model again with --io uint8 or float32."
        )
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = "probabilities", source.shape, source.type
    tensor.shapeSignature, tensor.buffer = source.shapeSignature, 0
    _set_grid(tensor)
    graph.tensors.append(tensor)
    operator = schema.OperatorT()
    builtin = schema.BuiltinOperator.SOFTMAX if kind == LOGITS else schema.BuiltinOperator.LOGISTIC
    operator.opcodeIndex = operator_code(model, builtin, _VERSIONS[source.type])
    operator.inputs = np.asarray([logits], np.int32)
    operator.outputs = np.asarray([len(graph.tensors) - 1], np.int32)
    if kind == LOGITS:
        operator.builtinOptionsType = schema.BuiltinOptions.SoftmaxOptions
        operator.builtinOptions = schema.SoftmaxOptionsT()
        operator.builtinOptions.beta = 1.0
    graph.operators.insert(place, operator)
    return len(graph.tensors) - 1


def _set_grid(tensor: Any) -> None:
    """The scale and zero point that TFLite's softmax and sigmoid have to give."""
    grid = _GRIDS[tensor.type]
    if grid is not None:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = np.asarray(grid[:1], np.float32)
        tensor.quantization.zeroPoint = np.asarray(grid[1:], np.int64)

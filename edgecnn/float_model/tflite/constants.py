"""The same float `.tflite` with all its weights in float32: those of dynamic-range files are stored in 8 bits."""

from __future__ import annotations

import numpy as np

from edgecnn.core.compat.litert_schema import pack, schema, unpack
from edgecnn.core.errors import ModelFileError
from edgecnn.runtime.model.graph import Graph, Operator, Tensor
from edgecnn.runtime.model.tflite import parse

_INTEGERS = ("INT8", "UINT8", "INT16", "INT4")
_NOT_READ = ("INT4", "BFLOAT16", "STRING", "RESOURCE", "VARIANT")
_REMEDY = "Give the float model that it was made from."


def with_float_weights(model: bytes, name: str) -> bytes:
    """A float model whose weights are float32 or float16.

    Args:
        model: `.tflite` bytes.
        name: for messages.

    Raises:
        ModelFileError: it computes in integers, or its weights are stored in a form that is not read.
    """
    graph = parse(model, name).graph
    _refuse_integers(graph, name)
    stored = [tensor for tensor in graph.tensors if tensor.is_constant and _is_quantized(tensor)]
    for tensor in graph.tensors:
        if tensor.is_constant and (tensor.sparse or tensor.dtype in _NOT_READ):
            form = "sparse" if tensor.sparse else tensor.dtype
            raise ModelFileError(f"{name} stores {tensor.name!r} as {form}; expected dense float or int8. {_REMEDY}")
    return _rewritten(model, stored) if stored else model


def _refuse_integers(graph: Graph, name: str) -> None:
    for operator in graph.operators:
        number = next((each for each in _computed(graph, operator) if _is_quantized(graph.tensors[each])), None)
        if number is not None:
            tensor = graph.tensors[number]
            raise ModelFileError(
                f"{name} is quantized already: {tensor.name!r} is {tensor.dtype} (at a {operator.name}); expected a "
                f"float .tflite. {_REMEDY}"
            )


def _computed(graph: Graph, operator: Operator) -> list[int]:
    """The activations that an operator reads or computes."""
    return [
        number
        for number in (*operator.inputs, *operator.outputs)
        if number >= 0 and not graph.tensors[number].is_constant
    ]


def _is_quantized(tensor: Tensor) -> bool:
    return tensor.dtype in _INTEGERS and bool(tensor.scale.size)


def _rewritten(model: bytes, stored: list[Tensor]) -> bytes:
    unpacked = unpack(model)
    for tensor in stored:
        target, buffer = unpacked.subgraphs[0].tensors[tensor.index], schema.BufferT()
        real = np.ascontiguousarray(tensor.dequantize(tensor.values()), np.float32)
        buffer.data = np.frombuffer(real.tobytes(), np.uint8)
        unpacked.buffers.append(buffer)
        target.buffer, target.type = len(unpacked.buffers) - 1, schema.TensorType.FLOAT32
        target.quantization = None
    return pack(unpacked)

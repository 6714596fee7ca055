"""Quantized `.tflite` files as the float models that they stand for: trained weights for tests of float files."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgecnn.core.compat.litert_schema import pack, schema, unpack
from edgecnn.runtime.model.tflite import parse


def float_twin(model: bytes) -> bytes:
    """The same graph with real values in place of the integers of every tensor."""
    parsed, unpacked = parse(model).graph, unpack(model)
    unpacked.metadata = unpacked.metadataBuffer = unpacked.signatureDefs = None
    for tensor, target in zip(parsed.tensors, unpacked.subgraphs[0].tensors):
        if tensor.scale.size:
            if tensor.is_constant:
                unpacked.buffers.append(_buffer(tensor.dequantize(tensor.values())))
                target.buffer = len(unpacked.buffers) - 1
            target.type, target.quantization = schema.TensorType.FLOAT32, None
    return pack(unpacked)


def _buffer(values: np.ndarray) -> Any:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(values, np.float32).tobytes(), np.uint8)
    return buffer

"""Edits of a `.tflite` on its way through the converter: activations as outputs, ranges for the quantizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

Ranges = Mapping[int, tuple[float, float]]


def with_outputs(model: bytes, tensors: Sequence[int]) -> bytes:
    """The same model with these tensors as its outputs."""
    unpacked = _unpack(model)
    unpacked.subgraphs[0].outputs = np.asarray(tensors, np.int32)
    unpacked.signatureDefs = None  # they name the old outputs
    return _pack(unpacked)


def with_ranges(model: bytes, ranges: Ranges) -> bytes:
    """The same model with a calibrated (min, max) on these tensors, as TensorFlow's calibrator leaves them."""
    unpacked = _unpack(model)
    for index, (low, high) in ranges.items():
        tensor = unpacked.subgraphs[0].tensors[index]
        tensor.quantization = tensor.quantization or schema.QuantizationParametersT()
        tensor.quantization.min = np.asarray([low], np.float32)
        tensor.quantization.max = np.asarray([high], np.float32)
    return _pack(unpacked)


def _unpack(model: bytes) -> Any:
    return schema.ModelT.InitFromPackedBuf(model, 0)


def _pack(model: Any) -> bytes:
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())

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
    unpacked = unpack(model)
    unpacked.subgraphs[0].outputs = np.asarray(tensors, np.int32)
    unpacked.signatureDefs = None  # they name the old outputs
    return pack(unpacked)


def with_ranges(model: bytes, ranges: Ranges) -> bytes:
    """The same model with a calibrated (min, max) on these tensors, as TensorFlow's calibrator leaves them."""
    unpacked = unpack(model)
    for index, (low, high) in ranges.items():
        tensor = unpacked.subgraphs[0].tensors[index]
        tensor.quantization = tensor.quantization or schema.QuantizationParametersT()
        tensor.quantization.min = np.asarray([low], np.float32)
        tensor.quantization.max = np.asarray([high], np.float32)
    return pack(unpacked)


def unpack(model: bytes) -> Any:
    """A `schema.ModelT` to be changed."""
    return schema.ModelT.InitFromPackedBuf(model, 0)


def pack(model: Any) -> bytes:
    """The inverse of `unpack`."""
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def builtin_code(code: Any) -> int:
    """What an operator code means: numbers above 126 have only the new field, files before 2020 only the old one."""
    return max(int(code.deprecatedBuiltinCode), int(code.builtinCode))


def text(name: bytes | str) -> str:
    """A tensor's name, which is bytes where it was read and a string where it was written."""
    return name.decode() if isinstance(name, bytes) else name

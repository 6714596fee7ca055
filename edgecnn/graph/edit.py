"""Edits of a `.tflite` on its way through the converter: activations as outputs, ranges for the quantizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgecnn.core.compat.litert_schema import pack, schema, unpack

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

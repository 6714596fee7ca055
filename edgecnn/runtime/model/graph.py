"""A graph of a `.tflite` file as plain values: tensors, and operators in execution order."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..errors import ModelFileError
from .flatbuffer import Table
from .quantization import dequantize

# (name, NumPy type or None, bits), in the order of their codes.
TENSOR_TYPES = (
    ("FLOAT32", "<f4", 32), ("FLOAT16", "<f2", 16), ("INT32", "<i4", 32), ("UINT8", "u1", 8), ("INT64", "<i8", 64),
    ("STRING", None, 8), ("BOOL", "?", 8), ("INT16", "<i2", 16), ("COMPLEX64", "<c8", 64), ("INT8", "i1", 8),
    ("FLOAT64", "<f8", 64), ("COMPLEX128", "<c16", 128), ("UINT64", "<u8", 64), ("RESOURCE", None, 8),
    ("VARIANT", None, 8), ("UINT32", "<u4", 32), ("UINT16", "<u2", 16), ("INT4", None, 4), ("BFLOAT16", None, 16),
)  # fmt: skip
FLOAT_TYPES = ("FLOAT32", "FLOAT16", "BFLOAT16", "FLOAT64")


@dataclass(frozen=True)
class Tensor:
    """One tensor of the graph.

    Attributes:
        index: its number in the graph.
        shape: static shape, 0 where a computed tensor's is not known; -1 in `signature` marks a dimension that is free.
        dtype: name of its type, e.g. "INT8".
        scale: quantization scales, one or one per channel; empty for a float tensor.
        zero_point: as many as scales.
        channel_axis: the axis that the scales belong to, where there is more than one.
        data: constant bytes, empty for an activation.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    dtype: str
    scale: np.ndarray
    zero_point: np.ndarray
    channel_axis: int
    data: memoryview
    sparse: bool = False

    @property
    def is_constant(self) -> bool:
        """Whether the file holds its values."""
        return len(self.data) > 0

    @property
    def elements(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes of the dense tensor."""
        return (self.elements * {name: bits for name, _, bits in TENSOR_TYPES}[self.dtype] + 7) // 8

    def values(self) -> np.ndarray:
        """The constant values as stored (not dequantized), in the tensor's shape.

        Raises:
            ModelFileError: the tensor is no constant, or its bytes don't fill its shape.
        """
        dtype = {name: dtype for name, dtype, _ in TENSOR_TYPES}[self.dtype]
        if dtype is None or len(self.data) != self.size_bytes:
            raise ModelFileError(
                f"The tensor {self.name!r} has {len(self.data):,} bytes; expected {self.size_bytes:,} for its shape."
            )
        return np.frombuffer(self.data, dtype).reshape(self.shape)

    def dequantize(self, values: np.ndarray) -> np.ndarray:
        """Real values, float32, of values as this tensor holds them."""
        if not self.scale.size:
            return np.asarray(values, np.float32)
        return dequantize(values, self.scale, self.zero_point, self.channel_axis)


@dataclass(frozen=True)
class Operator:
    """One operator; inputs and outputs are tensor numbers, -1 for an input that is left out.

    `options` are those of a builtin operator, `custom` those of another, see `flexbuffer`.
    """

    index: int
    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None = field(repr=False, compare=False)
    custom: memoryview = field(default=memoryview(b""), repr=False, compare=False)

    def option(self, number: int, kind: str = "int32", default: int = 0) -> int:
        """A field of the operator's builtin options, by its number in the schema."""
        return self.options.scalar(number, kind, default) if self.options else default


@dataclass(frozen=True)
class Graph:
    """One subgraph: tensors, operators in execution order, input and output tensor numbers."""

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

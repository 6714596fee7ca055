"""A `.tflite` file as plain values: tensors, operators, metadata; no TFLite library needed.

Field numbers follow `schema.fbs` (version 3) of TensorFlow Lite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..errors import ModelFileError
from .flatbuffer import Table
from .graph_check import check_graph
from .quantization import dequantize

# Builtin operators in the order of their codes, ADD = 0.
OPERATOR_NAMES = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH
SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER
BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM
ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE
TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK
LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL
FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL
REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND
HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM
BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE
ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU
DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE
STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE
STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG
STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT
STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT
STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL
STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE
STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
""".split()  # noqa: SIM905 - a list of 210 lines reads no better

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
            raise ModelFileError(f"Tensor {self.name!r}: {len(self.data)} bytes don't fill {self.dtype} {self.shape}.")
        return np.frombuffer(self.data, dtype).reshape(self.shape)

    def dequantize(self, values: np.ndarray) -> np.ndarray:
        """Real values, float32, of values as this tensor holds them."""
        if not self.scale.size:
            return np.asarray(values, np.float32)
        return dequantize(values, self.scale, self.zero_point, self.channel_axis)


@dataclass(frozen=True)
class Operator:
    """One operator; inputs and outputs are tensor numbers, -1 for an input that is left out."""

    index: int
    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None = field(repr=False, compare=False)

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


@dataclass(frozen=True)
class TFLiteModel:
    """All that a `.tflite` file says."""

    description: str
    graphs: tuple[Graph, ...]
    metadata: dict[str, memoryview]

    @property
    def graph(self) -> Graph:
        """The main graph."""
        return self.graphs[0]


def parse(data: bytes | memoryview, name: str = "the model") -> TFLiteModel:
    """Read a `.tflite` file, checking every offset, every tensor number, and what `graph_check` says; in time
    proportional to its size.

    Raises:
        ModelFileError: it is no `.tflite` file, or it is damaged.
    """
    if len(data) < 8 or bytes(data[4:8]) != b"TFL3":
        raise ModelFileError(f"{name} is not a .tflite file: it {_describe(bytes(data[:16]))}.")
    try:
        return _model(Table.root(data, bounded=True))
    except ModelFileError as error:
        raise ModelFileError(f"{name}: {error} Copy or convert it again.") from error


def _describe(head: bytes) -> str:
    kinds = (
        (b"PK", "is a zip archive (perhaps a .keras file)"),
        (b"\x89HDF", "is an HDF5 file (.h5)"),
        (b"", f"begins with {head[:8]!r}"),
    )
    return "is empty" if not head else next(text for magic, text in kinds if head.startswith(magic))


def _model(root: Table) -> TFLiteModel:
    buffers = [_buffer(table) for table in root.tables(4)]
    codes = [_operator_code(table) for table in root.tables(1)]
    graphs = tuple(_graph(table, buffers, codes) for table in root.tables(2))
    if not graphs or not graphs[0].inputs or not graphs[0].outputs:
        raise ModelFileError("the file has no graph with an input and an output.")
    metadata = {}
    for table in root.tables(6):
        metadata[table.string(0)] = _pick(buffers, table.scalar(1, "uint32"), "buffer")
    return TFLiteModel(root.string(3), graphs, metadata)


def _buffer(table: Table) -> memoryview:
    offset, size = table.scalar(1, "uint64"), table.scalar(2, "uint64")
    if offset > 1:  # files over 2 GB keep their data behind the flatbuffer
        if offset + size > len(table.data):
            raise ModelFileError("the file is cut short: one of its buffers lies beyond its end.")
        return table.data[offset : offset + size]
    return table.octets(0)


def _operator_code(table: Table) -> tuple[str, int]:
    code = max(table.scalar(0, "int8"), table.scalar(3, "int32"))
    version = table.scalar(2, "int32", 1)
    if not 0 <= code < len(OPERATOR_NAMES):
        return f"UNKNOWN_{code}", version
    name = OPERATOR_NAMES[code]
    return (table.string(1) or "CUSTOM" if name == "CUSTOM" else name), version


def _graph(table: Table, buffers: list[memoryview], codes: list[tuple[str, int]]) -> Graph:
    tensors = tuple(_tensor(index, entry, buffers) for index, entry in enumerate(table.tables(0)))
    operators = tuple(_operator(index, entry, codes) for index, entry in enumerate(table.tables(3)))
    inputs, outputs = _numbers(table, 1), _numbers(table, 2)
    graph = Graph(table.string(4), tensors, operators, inputs, outputs)
    check_graph(graph)
    return graph


def _tensor(index: int, table: Table, buffers: list[memoryview]) -> Tensor:
    quantization = table.table(4)
    empty = np.zeros(0, np.float32)
    code = table.scalar(1, "int8")
    if not 0 <= code < len(TENSOR_TYPES):
        raise ModelFileError(
            f"tensor {index} has the unknown type {code}. Upgrade edgecnn, if the file is not damaged."
        )
    scale = quantization.array(2, "<f4") if quantization else empty
    zero_point = quantization.array(3, "<i8") if quantization else empty.astype(np.int64)
    if scale.size and scale.size != zero_point.size:
        raise ModelFileError(
            f"the file is damaged: tensor {index} has {scale.size} scales and {zero_point.size} zero points."
        )
    shape, contents = _numbers(table, 0), _pick(buffers, table.scalar(2, "uint32"), "buffer")
    if not contents:
        shape = tuple(0 if size == -1 else size for size in shape)
    return Tensor(
        index=index,
        name=table.string(3),
        shape=shape,
        signature=_numbers(table, 7) or _numbers(table, 0),
        dtype=TENSOR_TYPES[code][0],
        scale=scale,
        zero_point=zero_point,
        channel_axis=quantization.scalar(6, "int32") if quantization else 0,
        data=contents,
        sparse=table.table(6) is not None,
    )


def _operator(index: int, table: Table, codes: list[tuple[str, int]]) -> Operator:
    name, version = _pick(codes, table.scalar(0, "uint32"), "operator code")
    options = table.table(4)
    return Operator(index, name, version, _numbers(table, 1), _numbers(table, 2), options and options.free())


def _numbers(table: Table, number: int) -> tuple[int, ...]:
    return tuple(int(value) for value in table.array(number, "<i4"))


def _pick(items: list, number: int, what: str):  # type: ignore[no-untyped-def, type-arg]
    if number >= len(items):
        raise ModelFileError(f"the file is damaged: it refers to {what} {number}, but has only {len(items)}.")
    return items[number]

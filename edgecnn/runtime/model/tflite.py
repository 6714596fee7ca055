"""A `.tflite` file as plain values: graphs and metadata; no TFLite library needed.

Field numbers follow `schema.fbs` (version 3) of TensorFlow Lite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ModelFileError
from .flatbuffer import Table
from .graph import TENSOR_TYPES, Graph, Operator, Tensor
from .graph_check import check_graph

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
    inputs, outputs = _numbers(table, 1), _numbers(table, 2)
    return Operator(index, name, version, inputs, outputs, options and options.free(), table.octets(5))


def _numbers(table: Table, number: int) -> tuple[int, ...]:
    return tuple(int(value) for value in table.array(number, "<i4"))


def _pick(items: list, number: int, what: str):  # type: ignore[no-untyped-def, type-arg]
    if number >= len(items):
        raise ModelFileError(f"the file is damaged: it refers to {what} {number}, but has only {len(items)}.")
    return items[number]

"""What edgecnn knows of TFLite's operators: one table. Option numbers are those of `schema.fbs`.

An operator that is not in it works like any other, only that less can be told of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgecnn.graph.roles import (
    ATTENTION,
    CONVOLUTION,
    DENSE,
    DEPTHWISE,
    IN_PLACE,
    OTHER,
    POINT,
    POOLING,
    UNKNOWN,
    WHOLE,
    WINDOW,
)


@dataclass(frozen=True)
class OperatorKind:
    """One kind of operator.

    Attributes:
        name: TFLite's.
        mixing: how positions depend on one another; its settings may tell more (see `edgecnn.graph.tflite_network`).
        role: what it is to the reader.
        weights: position of its kernel among the inputs.
        bias: position of its bias.
        activation: number of the option that fuses an activation into it.
        dilation: numbers of the options for the dilation, (vertical, horizontal).
        sources: what TensorFlow calls the operation that its kernel belongs to, in the names of tensors.
        keeps_grid: its int8 output has its input's scale and zero point.
        unit_range: its int8 output has TFLite's fixed grid of 0..1.
        homogeneous: channels multiplied by positive factors before it come out multiplied by the same factors.
        int16_version: the version that has a kernel for int16 activations; 0 without one.
        converts: changes the number format only; a float network doesn't have it.
        has_state: has graphs or variables of its own, so that it can't run by itself.
    """

    name: str
    mixing: str = UNKNOWN
    role: str = OTHER
    weights: int | None = None
    bias: int | None = None
    activation: int | None = None
    dilation: tuple[int, int] | None = None
    sources: tuple[str, ...] = ()
    keeps_grid: bool = False
    unit_range: bool = False
    homogeneous: bool = False
    int16_version: int = 0
    converts: bool = False
    has_state: bool = False


_KINDS: tuple[OperatorKind, ...] = (
    OperatorKind(
        "CONV_2D", WINDOW, CONVOLUTION, weights=1, bias=2, activation=3, dilation=(5, 4), int16_version=4,
        sources=("Conv2D", "Conv2D_Fold", "Conv1D"),
    ),
    OperatorKind(
        "DEPTHWISE_CONV_2D", WINDOW, DEPTHWISE, weights=1, bias=2, activation=4, dilation=(6, 5), int16_version=5,
        sources=("depthwise", "depthwise_Fold", "DepthwiseConv2dNative"),
    ),
    OperatorKind(
        "FULLY_CONNECTED", WHOLE, DENSE, weights=1, bias=2, activation=0, int16_version=4,
        sources=("MatMul", "Tensordot"),
    ),
    OperatorKind("TRANSPOSE_CONV", weights=1, bias=3, sources=("conv2d_transpose",)),
    OperatorKind("CONV_3D", weights=1, bias=2),
    OperatorKind("BATCH_MATMUL", ATTENTION),
    OperatorKind("ADD", POINT, activation=0, homogeneous=True, int16_version=3),
    OperatorKind("SUB", POINT, activation=0),
    OperatorKind("MUL", POINT, activation=0, int16_version=4),
    OperatorKind("DIV", POINT, activation=0),
    OperatorKind("CONCATENATION", POINT, activation=1),
    OperatorKind("LOGISTIC", POINT, unit_range=True, int16_version=3),
    OperatorKind("SOFTMAX", POINT, unit_range=True),
    OperatorKind("RELU", POINT, homogeneous=True),
    OperatorKind("AVERAGE_POOL_2D", WINDOW, POOLING, activation=5, keeps_grid=True, homogeneous=True, int16_version=3),
    OperatorKind("MAX_POOL_2D", WINDOW, POOLING, activation=5, keeps_grid=True, homogeneous=True, int16_version=3),
    OperatorKind("L2_POOL_2D", WINDOW, POOLING, activation=5),
    OperatorKind("MEAN", WHOLE, POOLING, homogeneous=True),
    *(OperatorKind(name, WHOLE) for name in ("SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD")),
    OperatorKind("PAD", WINDOW, keeps_grid=True, homogeneous=True),
    *(OperatorKind(name, WINDOW) for name in ("PADV2", "MIRROR_PAD")),
    OperatorKind("RESHAPE", POINT, IN_PLACE, keeps_grid=True),
    OperatorKind("SQUEEZE", POINT, IN_PLACE, keeps_grid=True),
    OperatorKind("EXPAND_DIMS", POINT, IN_PLACE),
    *(OperatorKind(name, POINT, keeps_grid=True) for name in ("TRANSPOSE", "SPLIT", "UNPACK")),
    *(OperatorKind(name, POINT, converts=True) for name in ("QUANTIZE", "DEQUANTIZE")),
    *(
        OperatorKind(name, POINT)
        for name in """MAXIMUM MINIMUM SQUARED_DIFFERENCE POW ADD_N SPLIT_V CAST RELU6 RELU_N1_TO_1 RELU_0_TO_1
        LEAKY_RELU PRELU ELU GELU HARD_SWISH TANH LOG_SOFTMAX ABS NEG EXP LOG SQRT RSQRT SQUARE ROUND FLOOR CEIL
        L2_NORMALIZATION LOCAL_RESPONSE_NORMALIZATION FAKE_QUANT SELECT SELECT_V2 GREATER LESS BROADCAST_TO
        PACK""".split()  # noqa: SIM905
    ),
    *(
        OperatorKind(name, has_state=True)
        for name in ("WHILE", "IF", "CALL", "CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
    ),
)  # fmt: skip
_BY_NAME = {kind.name: kind for kind in _KINDS}

FUSED_ACTIVATIONS = ("", "relu", "relu_n1_to_1", "relu6", "tanh", "sign_bit")
"""By the code of the option."""
WEIGHTED = tuple(kind.name for kind in _KINDS if kind.role in (CONVOLUTION, DEPTHWISE, DENSE))
"""Operators with the weights that quantization rounds."""
CONVERSIONS = tuple(kind.name for kind in _KINDS if kind.converts)
"""Conversions between number formats."""


def kind_of(name: str) -> OperatorKind:
    """The facts of an operator, by TFLite's name for it."""
    return _BY_NAME.get(name) or OperatorKind(name)


def all_kinds() -> Iterable[OperatorKind]:
    """The whole table."""
    return _KINDS

"""What every reader of a graph takes for granted, checked once when the file is parsed."""

from __future__ import annotations

import math

from ..errors import ModelFileError
from .graph import Graph, Operator

MAX_TENSOR_BYTES = 2 << 30
"""Of a tensor that is computed; the largest of a picture's network is a thousandth of it."""
_ANY = None
# Ranks of the inputs that must be there, in order; and of the output.
_RANKS: dict[str, tuple[tuple[int | None, ...], int | None]] = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), ((4, 4), 4)),
    "CONV_3D": ((5, 5), 5),
    "TRANSPOSE_CONV": ((1, 4, 4), 4),
    "FULLY_CONNECTED": ((_ANY, 2), _ANY),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D", "DEPTH_TO_SPACE", "SPACE_TO_DEPTH"), ((4,), 4)),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), ((4, 1), 4)),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), ((_ANY, 2), _ANY)),
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "PRELU", "BATCH_MATMUL"), ((_ANY, _ANY), _ANY)),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "TRANSPOSE", "GATHER", "SPLIT", "TILE"), ((_ANY, _ANY), _ANY)),
    **dict.fromkeys(("EXPAND_DIMS", "ARG_MAX", "ARG_MIN"), ((_ANY, _ANY), _ANY)),
    "STRIDED_SLICE": ((_ANY, _ANY, _ANY, _ANY), _ANY),
    **dict.fromkeys(("SLICE", "SPLIT_V"), ((_ANY, _ANY, _ANY), _ANY)),
    **dict.fromkeys(("CONCATENATION", "RESHAPE", "SQUEEZE", "PACK", "SOFTMAX", "LOGISTIC", "TANH"), ((_ANY,), _ANY)),
    **dict.fromkeys(("RELU", "RELU6", "HARD_SWISH", "LEAKY_RELU", "ELU", "GELU", "CAST"), ((_ANY,), _ANY)),
    **dict.fromkeys(("QUANTIZE", "DEQUANTIZE", "ABS", "EXP", "SQRT", "RSQRT", "NEG", "SQUARE"), ((_ANY,), _ANY)),
}


def check_graph(graph: Graph) -> None:
    """Tensor numbers in range, operators with the inputs that they need, ranks and sizes that can be.

    Raises:
        ModelFileError: it is not so.
    """
    count = len(graph.tensors)
    used = [*graph.inputs, *graph.outputs]
    for operator in graph.operators:
        used += [*operator.outputs, *(number for number in operator.inputs if number != -1)]
    if used and (min(used) < 0 or max(used) >= count):
        raise ModelFileError("the file is damaged: it refers to a tensor that does not exist.")
    for tensor in graph.tensors:
        if min(tensor.shape, default=0) < 0 or math.prod(tensor.shape) > MAX_TENSOR_BYTES:
            raise ModelFileError(f"the file is damaged: tensor {tensor.index} has the shape {_short(tensor.shape)}.")
    for operator in graph.operators:
        _check_operator(graph, operator)


def _check_operator(graph: Graph, operator: Operator) -> None:
    ranks, output_rank = _RANKS.get(operator.name, ((), _ANY))
    if not ranks:
        return
    what = f"the file is damaged: operator {operator.index}, {operator.name},"
    given = operator.inputs[: len(ranks)]
    if len(given) < len(ranks) or -1 in given or not operator.outputs:
        raise ModelFileError(
            f"{what} lacks an input or an output; expected at least {len(ranks)} inputs and one output."
        )
    for number, rank in (*zip(given, ranks), (operator.outputs[0], output_rank)):
        tensor = graph.tensors[number]
        # TensorFlow 1's converter wrote no shape behind custom operators; a constant always has one.
        unknown = not tensor.shape and not tensor.is_constant
        if rank is not _ANY and len(tensor.shape) != rank and not unknown:
            raise ModelFileError(f"{what} has a tensor of shape {_short(tensor.shape)}; expected {rank} dimensions.")


def _short(shape: tuple[int, ...]) -> str:
    return str(list(shape)) if len(shape) <= 8 else f"{list(shape[:8])} and {len(shape) - 8} more"

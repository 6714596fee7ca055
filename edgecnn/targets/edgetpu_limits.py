"""The Edge TPU's limits operator by operator: settings and sizes. Option numbers are those of `schema.fbs`.

What has no other source is from Coral's table ("TensorFlow models on the Edge TPU"); numbers of issues are those of
github.com/google-coral/edgetpu. Where public models show a limit only as an interval, the bound is its middle.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from edgecnn.graph.operator_kinds import kind_of
from edgecnn.runtime.model.graph import Graph, Operator, Tensor

MIB = 1 << 20
Limit = tuple[str, str]  # our reason, the remedy
_Rule = Callable[[Graph, Operator], "Limit | None"]

# Issue 377: BiSeNetV2's factor of 4 maps. Public pairs: DeepLab's 15.5 (33 to 513) and 33 (1 to 33) don't.
MAX_RESIZE_FACTOR = 8
# Issue 31: 256 x 256 x 32 to 512 x 512 x 32 (10 MiB) stays, 64 x 64 x 32 to 128 x 128 x 32 maps. The chip has 8 MiB.
MAX_RESIZE_BYTES = 8 * MIB
# Issue 461: a mean over 256 x 128 positions stays, one over 64 x 128 maps.
MAX_MEAN_POSITIONS = 16_384
# Of one vector 16,384 values map, although Coral's table says 16,000 (public pairs: LibrEdgeTPU's trackers), and no
# size is known that doesn't. Of several vectors, YOLOv8's 756 x 4 of 16 values (48,384) map.
MAX_SOFTMAX_VECTORS = 65_536
# Issue 176: 512 x 512 x 151 (38 MiB) stops the compiler. Public logs: 513 x 513 x 96 (24 MiB) maps.
MAX_ACTIVATION_BYTES = 32 * MIB
# Public pairs: 641 x 361 x 48 (10.6 MiB) maps; issues 439, 449, 608 and 653: models of large activations don't compile.
LARGE_ACTIVATION_BYTES = 8 * MIB
# Issue 512 and its like: YOLOv5's 196 x 3 x 85 map, 784 x 3 x 85 (199,920) don't; EfficientDet's larger ones do.
LARGE_MOVE_BYTES = 150_000
_MOVES = ("RESHAPE", "TRANSPOSE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")


def limitation(graph: Graph, operator: Operator) -> Limit | None:
    """A setting or size that the chip's version of the operator doesn't have; the shapes must be known."""
    rule = _LIMITATIONS.get(operator.name)
    return _too_large(graph, operator) or (rule(graph, operator) if rule else None)


def may_stay(graph: Graph, operators: Iterable[Operator]) -> tuple[str, ...]:
    """What is left open of operators that the rules let map, in sentences."""
    operators = list(operators)
    moves = {row.name for row in operators if row.name in _MOVES and _largest(graph, row) >= LARGE_MOVE_BYTES}
    notes = [f"{name} may stay on the processor at this size; Coral publishes no limit." for name in moves]
    largest = max((_largest(graph, row) for row in operators), default=0)
    if largest > LARGE_ACTIVATION_BYTES:
        notes.append(
            f"The largest activation has {largest / MIB:.1f} MiB. On some models with activations of this size "
            'edgetpu_compiler fails ("large activation tensors in model"). If it fails, use a smaller input.'
        )
    return tuple(sorted(notes))


def _activations(graph: Graph, operator: Operator) -> list[Tensor]:
    tensors = [graph.tensors[number] for number in (*operator.inputs, *operator.outputs) if number != -1]
    return [tensor for tensor in tensors if not tensor.is_constant]


def _largest(graph: Graph, operator: Operator) -> int:
    return max((tensor.size_bytes for tensor in _activations(graph, operator)), default=0)


def _too_large(graph: Graph, operator: Operator) -> Limit | None:
    largest = _largest(graph, operator)
    if largest <= MAX_ACTIVATION_BYTES:
        return None
    return (
        f"an activation of {largest / MIB:.1f} MiB is too large for the chip's 8 MiB; edgetpu_compiler fails on such "
        'models ("large activation tensors in model").',
        "Use a smaller input, or end the model before this operator.",
    )


def _dilation(graph: Graph, operator: Operator) -> Limit | None:
    """A dilation counts only where the kernel is wider than 1 (public pairs: a 3 x 1 kernel with dilation 2 x 1)."""
    kernel = graph.tensors[operator.inputs[1]].shape[1:3]
    dilation = [operator.option(number, default=1) for number in kind_of(operator.name).dilation or ()]
    if len({rate for size, rate in zip(kernel, dilation) if size > 1}) <= 1:
        return None
    reason = f"the dilation is {dilation[0]} x {dilation[1]}; expected the same in both directions."
    return reason, "Use the same dilation in both directions."


def _no_activation(graph: Graph, operator: Operator) -> Limit | None:
    number = kind_of(operator.name).activation
    if number is None or not operator.option(number, "int8"):
        return None
    return (
        "the operator has a fused activation; expected none.",
        "Put the activation before the operator, or into a layer of its own.",
    )


def _concatenation(graph: Graph, operator: Operator) -> Limit | None:
    fused = _no_activation(graph, operator)
    if fused:
        return fused
    tensors = [graph.tensors[number] for number in operator.inputs]
    constants = [tensor for tensor in tensors if tensor.is_constant]
    if any(len(tensor.shape) > 4 for tensor in tensors):
        return _too_many_dimensions(graph, operator)
    for tensor in constants:
        zero = tensor.zero_point[0] if tensor.zero_point.size else 0
        if len(tensors) != 2 or len(constants) != 1 or bool((tensor.values() != zero).any()):
            return (
                "a constant input is supported only as one of two inputs, and only if it is all zeros.",
                "Concatenate computed tensors; use padding to add zeros.",
            )
    return None


def _too_many_dimensions(graph: Graph, operator: Operator) -> Limit | None:
    shape = graph.tensors[operator.inputs[0]].shape
    return (
        (f"the tensor has {len(shape)} dimensions; expected at most 4.", "Reshape the tensor first.")
        if len(shape) > 4
        else None
    )


def _fully_connected(graph: Graph, operator: Operator) -> Limit | None:
    if operator.option(1, "int8"):
        return (
            "the weights are in a shuffled format; expected the default format.",
            "Convert the model again with the default weight format.",
        )
    return _one_dimension(graph, operator, "Flatten the tensor before the dense layer.")


def _softmax(graph: Graph, operator: Operator) -> Limit | None:
    output = graph.tensors[operator.outputs[0]]
    vectors = math.prod(output.shape[:-1])
    if vectors == 1 or output.elements <= MAX_SOFTMAX_VECTORS:
        return None
    reason = (
        f"the softmax is over {vectors:,} vectors of {output.shape[-1]:,} values; at most 48,384 values are "
        "known to run on the Edge TPU."
    )
    return reason, "Leave the softmax to the processor."


def _one_dimension(graph: Graph, operator: Operator, remedy: str) -> Limit | None:
    shape = graph.tensors[operator.outputs[0]].shape
    if math.prod(shape[:-1]) == 1:
        return None
    return f"the output {list(shape)} is not a single vector.", remedy


def _axes(graph: Graph, operator: Operator) -> set[int]:
    rank = len(graph.tensors[operator.inputs[0]].shape)
    axes = graph.tensors[operator.inputs[1]]
    return {int(axis) % rank for axis in axes.values().reshape(-1)} if axes.is_constant else set()


def _mean(graph: Graph, operator: Operator) -> Limit | None:
    shape, axes = graph.tensors[operator.inputs[0]].shape, _axes(graph, operator)
    if len(shape) == 4 and 0 in axes:
        return "the mean includes the batch axis.", "Average over height and width only."
    positions = math.prod(shape[axis] for axis in axes)
    if positions > MAX_MEAN_POSITIONS:
        reason = f"the mean is over {positions:,} values each; at most about {MAX_MEAN_POSITIONS:,} run on the chip."
        return reason, "Average parts of the map first (a pooling layer, or a split), then average their means."
    if len(shape) - 1 in axes and shape[-1] % 4:
        return f"the mean has {shape[-1]} channels; expected a multiple of 4.", "Use a multiple of 4 channels."
    return None


def _reduce(graph: Graph, operator: Operator) -> Limit | None:
    if len(graph.tensors[operator.inputs[0]].shape) == 4 and 0 in _axes(graph, operator):
        return "the reduction includes the batch axis.", "Reduce over height, width or channels only."
    return None


def _pad(graph: Graph, operator: Operator) -> Limit | None:
    padding = graph.tensors[operator.inputs[1]]
    rank = len(graph.tensors[operator.inputs[0]].shape)
    if rank == 4 and padding.is_constant and bool(padding.values().reshape(rank, 2)[0].any()):
        return "the padding includes the batch axis.", "Pad height, width or channels only."
    return None


def _pack(graph: Graph, operator: Operator) -> Limit | None:
    rank = len(graph.tensors[operator.outputs[0]].shape)
    if operator.option(1) % rank == 0 and rank == 4:
        return "the tensors are stacked along the batch axis.", "Stack along another axis."
    return None


def _prelu(graph: Graph, operator: Operator) -> Limit | None:
    alpha = graph.tensors[operator.inputs[1]].shape
    if math.prod(alpha[:-1]) == 1:
        return None
    return f"the slopes have the shape {list(alpha)}; expected one per channel.", "PReLU(shared_axes=[1, 2])."


def _resize_bilinear(graph: Graph, operator: Operator) -> Limit | None:
    before, after = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    factor = max(after.shape[axis] / before.shape[axis] for axis in (1, 2))
    if factor > MAX_RESIZE_FACTOR:
        return (
            f"the resize enlarges {factor:.3g} times; up to 4 times runs on the Edge TPU, 15 times does not.",
            "Enlarge in steps of 2 or 4, or leave the resizing to the program that reads the output.",
        )
    size = before.size_bytes + after.size_bytes
    if size > MAX_RESIZE_BYTES:
        reason = f"the input and output have {size / MIB:.1f} MiB together; expected at most the chip's 8 MiB."
        return reason, "Resize fewer channels, or a smaller map."
    return None


def _squeeze(graph: Graph, operator: Operator) -> Limit | None:
    before, after = graph.tensors[operator.inputs[0]].shape, graph.tensors[operator.outputs[0]].shape
    if before[len(before) - len(after) :] == after:
        return None
    return "the operator removes dimensions other than the leading ones.", "Use Reshape."


def _strided_slice(graph: Graph, operator: Operator) -> Limit | None:
    strides = graph.tensors[operator.inputs[3]]
    if strides.is_constant and bool((strides.values() != 1).any()):
        return f"the strides are {strides.values().tolist()}; expected 1.", "Slice with stride 1."
    if operator.option(2) or operator.option(3):
        return "the slice has an ellipsis or new-axis mask; expected none.", "Write out the slice of every axis."
    return None


_LIMITATIONS: dict[str, _Rule] = {
    "CONV_2D": _dilation,
    "DEPTHWISE_CONV_2D": _dilation,
    "AVERAGE_POOL_2D": _no_activation,
    "MAX_POOL_2D": _no_activation,
    "CONCATENATION": _concatenation,
    "FULLY_CONNECTED": _fully_connected,
    "SOFTMAX": _softmax,
    "MEAN": _mean,
    "SUM": _too_many_dimensions,
    "REDUCE_MAX": _reduce,
    "REDUCE_MIN": _reduce,
    "PAD": _pad,
    "PACK": _pack,
    "PRELU": _prelu,
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
    "RESIZE_BILINEAR": _resize_bilinear,
}

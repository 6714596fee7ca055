"""Parameters against the Edge TPU's memory of about 8 MB, which instructions and activations share."""

from __future__ import annotations

from edgecnn.graph.cost import operator_cost
from edgecnn.runtime.delegates.coral import CUSTOM_OPERATOR
from edgecnn.runtime.model.graph import Graph, Operator
from edgecnn.targets import Memory

MIB = 1 << 20
# 110 public models beside what the compiler made of them: parameters take 1.0 to 1.3 times their bytes in the
# `.tflite` file (median 1.115), for the compiler pads their dimensions (100 units to 128: 1.28).
GROWTH = 1.3
# What compiler logs show as room for parameters, by model.
ROOM_LOW_BYTES, ROOM_HIGH_BYTES = int(5.6 * MIB), int(7.9 * MIB)
# Stacks of dense layers get less (google-coral/edgetpu issue 89: of 100 layers of 100 units, 0.99 MiB are kept).
DENSE_ROOM_LOW_BYTES = int(0.99 * MIB)
_DENSE_LAYERS = 10
_COMPILED = (
    "The model is already compiled: the compiled operator holds its parameters, and the compiler's log "
    "says how many are streamed."
)


def estimate(graph: Graph, operators: list[Operator]) -> Memory:
    """What the operators that map will need: an interval, for only the compiler knows."""
    low = sum(operator_cost(graph, operator).parameter_bytes for operator in operators)
    high = int(low * GROWTH)
    dense = _is_dense_stack(graph, operators)
    compiled = any(operator.name == CUSTOM_OPERATOR for operator in operators)
    room = DENSE_ROOM_LOW_BYTES if dense else ROOM_LOW_BYTES
    streamed = (max(0, low - ROOM_HIGH_BYTES), max(0, high - room))
    return Memory(
        parameter_bytes=low,
        on_chip_bytes=low - streamed[0],
        streamed_bytes=streamed[0],
        estimated=True,
        note=_COMPILED if compiled else _note((low, high), (room, ROOM_HIGH_BYTES), streamed, dense),
        needed_range_bytes=(low, high),
        streamed_range_bytes=streamed,
    )


def _is_dense_stack(graph: Graph, operators: list[Operator]) -> bool:
    dense = [operator for operator in operators if operator.name == "FULLY_CONNECTED"]
    share = sum(operator_cost(graph, operator).parameter_bytes for operator in dense)
    whole = sum(operator_cost(graph, operator).parameter_bytes for operator in operators)
    return len(dense) >= _DENSE_LAYERS and 2 * share > whole


def _note(needed: tuple[int, int], room: tuple[int, int], streamed: tuple[int, int], dense: bool) -> str:
    if not needed[1]:
        return "Estimate: the model has no parameters to keep on the chip."
    models = "stacks of dense layers" if dense else "most models"
    sizes = f"Estimate: parameters take {_range(*needed)} as the compiler stores them"
    sizes += f"; {models} leave {_range(*room)} of the chip's memory for them"
    if not streamed[1]:
        return (
            f"{sizes}. Probably no parameters are read over the bus at every inference; large activations leave "
            "less memory."
        )
    if not streamed[0]:
        return f"{sizes}. Up to {_size(streamed[1])} of parameters may be read over the bus at every inference."
    return f"{sizes}. {_range(*streamed)} of parameters are read over the bus at every inference."


def _range(low: int, high: int) -> str:
    first, last = _size(low), _size(high)
    if first == last:
        return last
    return f"{first.split()[0] if first.split()[1] == last.split()[1] else first} to {last}"


def _size(count: int) -> str:
    return f"{count / MIB:.2f} MiB" if count >= MIB // 10 else f"{count / 1024:.1f} KiB"

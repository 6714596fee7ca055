"""Inputs whose shape a file leaves open: given one, in the file's bytes, so that all that reads or runs it agrees.

A tensor's shape is a vector of numbers in the file. Only the inputs' (and the signs of all others') are overwritten:
the runtime works out the shapes between by itself.
"""

from __future__ import annotations

import struct

from .flatbuffer import Table
from .graph import Tensor
from .tflite import TFLiteModel

IMAGE_SIZE = 224
"""Height and width that are taken where nobody says them: most image models were trained at it."""
LENGTH = 128
"""The same for other axes."""
_IMAGE_CHANNELS = (1, 3, 4)
_SHAPE, _SIGNATURE = 0, 7  # fields of a tensor's table


def open_axes(tensor: Tensor) -> list[int]:
    """The axes that a file leaves open, but for a batch."""
    signature = tensor.signature if len(tensor.signature) == len(tensor.shape) else tensor.shape
    return [
        axis
        for axis, (size, free) in enumerate(zip(tensor.shape, signature))
        if not size or (free == -1 and (axis > 0 or len(tensor.shape) == 1))
    ]


def is_open(tensor: Tensor) -> bool:
    """Whether a file leaves open more than a batch."""
    return bool(open_axes(tensor))


def chosen(tensor: Tensor, size: int | None = None, keep: bool = False) -> tuple[int, ...]:
    """A shape without open axes.

    Args:
        tensor: an input.
        size: of every open axis; by default `IMAGE_SIZE` of an image and `LENGTH` of anything else.
        keep: take the sizes that the file stores, which are 1, where it stores any.
    """
    is_image = len(tensor.shape) == 4 and tensor.shape[3] in _IMAGE_CHANNELS
    shape = list(tensor.shape)
    for axis in open_axes(tensor):
        if axis == 0 and len(shape) > 1:
            shape[axis] = 1
        elif not (keep and shape[axis]):
            shape[axis] = size or (IMAGE_SIZE if is_image else LENGTH)
    return tuple(shape)


def closed(data: bytes, model: TFLiteModel, size: int | None = None, keep: bool = False) -> bytes:
    """A file's bytes with `chosen` shapes for the main graph's inputs, and without negative sizes anywhere."""
    changed = bytearray(data)
    inputs = {number: chosen(model.graph.tensors[number], size, keep) for number in model.graph.inputs}
    for number, graph in enumerate(Table.root(data).tables(2)):
        for index, table in enumerate(graph.tables(0)):
            shape = inputs.get(index) if number == 0 else None
            _write(changed, table, _SHAPE, shape)
            if shape is not None:
                _write(changed, table, _SIGNATURE, shape)
    return bytes(changed)


def _write(data: bytearray, table: Table, field: int, shape: tuple[int, ...] | None) -> None:
    place = table.place(field)
    if not place:
        return
    stored = table.array(field, "<i4").tolist()
    start = place + struct.unpack_from("<I", data, place)[0] + 4
    wanted = shape if shape is not None and len(shape) == len(stored) else [size if size >= 0 else 1 for size in stored]
    if list(wanted) != stored:
        struct.pack_into(f"<{len(stored)}i", data, start, *wanted)


def sentence(model: TFLiteModel, name: str) -> str:
    """What was taken for the open inputs of a model, for people; empty where none is open."""
    parts = [model.graph.tensors[number] for number in model.graph.inputs]
    shapes = ", ".join(f"{list(chosen(tensor))}" for tensor in parts if is_open(tensor))
    return (
        f"{name} has no fixed input size: assumed the shape {shapes}. Set another one with --input-size."
        if shapes
        else ""
    )

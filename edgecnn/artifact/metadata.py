"""The standard TFLite metadata, written; `edgecnn.runtime.model.metadata` is its reader.

Field numbers follow `metadata_schema.fbs` of TFLite / MediaPipe Tasks.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import flatbuffers
import numpy as np

from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.tasks import task_of

_NORMALIZATION_OPTIONS = 1
_IMAGE_PROPERTIES, _BOUNDING_BOX_PROPERTIES = 2, 3
_BOUNDARIES = 1  # a box is left, top, right, bottom, in the order of the index; shares of the image
_TOP_LEFT_BOTTOM_RIGHT = (1, 0, 3, 2)  # where left, top, right and bottom stand
_TENSOR_AXIS_LABELS, _TENSOR_VALUE_LABELS = 2, 3
_RGB, _GRAYSCALE = 1, 2
_MIN_PARSER_VERSION = "1.0.0"


def standard_metadata(contract: Contract, labels_file: str) -> bytes:
    """A flatbuffer with root ModelMetadata and identifier M001."""
    builder = flatbuffers.Builder(1024)
    inputs = _vector(builder, [_input(builder, contract)])
    labeled, are_numbers = task_of(contract).labeled_tensor(contract)
    kind = _TENSOR_VALUE_LABELS if are_numbers else _TENSOR_AXIS_LABELS
    files = [labels_file if contract.labels and number == labeled else "" for number in range(labeled + 1)]
    names, boxes = task_of(contract).tensor_names(contract), task_of(contract).box_tensor(contract)
    each = enumerate(itertools.zip_longest(names, files, fillvalue=""))
    outputs = _vector(builder, [_output(builder, name, file, kind, number == boxes) for number, (name, file) in each])
    graph = _table(builder, {2: inputs, 3: outputs})
    root = _table(
        builder,
        {
            0: builder.CreateString(contract.name),
            1: builder.CreateString(f"{task_of(contract).summary} made by edgecnn"),
            3: _vector(builder, [graph]),
            5: builder.CreateString(contract.model.license),
            7: builder.CreateString(_MIN_PARSER_VERSION),
        },
    )
    builder.Finish(root, file_identifier=b"M001")
    return bytes(builder.Output())


def _input(builder: flatbuffers.Builder, contract: Contract) -> int:
    preprocessing = contract.preprocessing
    options = _table(builder, {0: _floats(builder, preprocessing.mean), 1: _floats(builder, preprocessing.std)})
    unit = _table(builder, {1: options}, {0: _NORMALIZATION_OPTIONS})
    image = _table(builder, {}, {0: _GRAYSCALE if preprocessing.color == "gray" else _RGB})
    content = _table(builder, {1: image}, {0: _IMAGE_PROPERTIES})
    fields = {0: builder.CreateString("image"), 3: content, 4: _vector(builder, [unit])}
    return _table(builder, fields)


def _output(builder: flatbuffers.Builder, name: str, labels_file: str, kind: int, are_boxes: bool) -> int:
    fields = {0: builder.CreateString(name)}
    if are_boxes:
        order = builder.CreateNumpyVector(np.array(_TOP_LEFT_BOTTOM_RIGHT, np.uint32))
        boxes = _table(builder, {0: int(order)}, {1: _BOUNDARIES})
        fields[3] = _table(builder, {1: boxes}, {0: _BOUNDING_BOX_PROPERTIES})
    if labels_file:
        labels = _table(builder, {0: builder.CreateString(labels_file)}, {2: kind})
        fields[6] = _vector(builder, [labels])
    return _table(builder, fields)


def _table(builder: flatbuffers.Builder, offsets: dict[int, int], octets: dict[int, int] | None = None) -> int:
    """A table of references (`offsets`) and one-byte numbers (`octets`), by field number."""
    octets = octets or {}
    builder.StartObject(max([*offsets, *octets]) + 1)
    for number, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(number, offset, 0)
    for number, value in octets.items():
        builder.PrependUint8Slot(number, value, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, items: Sequence[int]) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return int(builder.EndVector())


def _floats(builder: flatbuffers.Builder, values: Sequence[float]) -> int:
    return int(builder.CreateNumpyVector(np.asarray(values, np.float32)))

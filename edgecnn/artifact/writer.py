"""The artifact: one `.tflite` file that carries its own contract, twice.

Once as the standard TFLite metadata (normalization and labels, for MediaPipe Tasks and Android), once as a JSON buffer
named `edgecnn` (the whole contract). Layout of the file:

    head      a new root table that refers forward to the converter's tables, and the two metadata buffers
    graph     what the converter wrote, byte for byte and still aligned
    zip       labels.txt, appended as the standard wants it

Flatbuffers refer forward only, so what is added to a finished file goes in front of it.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from pathlib import Path

from edgecnn.artifact.metadata import standard_metadata
from edgecnn.core import files
from edgecnn.core.errors import ModelFileError
from edgecnn.runtime.model import metadata as standard
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.flatbuffer import Table
from edgecnn.runtime.model.graph import Graph
from edgecnn.runtime.model.model_file import (
    BUFFER_NAME,
    DIGEST_SIZE,
    DIGEST_START,
    GRAPH_BUFFER_NAME,
    AnyFile,
    ModelFile,
)
from edgecnn.runtime.model.tflite import parse

_SPAN_BYTES = 16  # of GRAPH_BUFFER_NAME: where the graph starts, and its length
_ALIGNMENT = 64  # flatbuffers of constant tensors are aligned to 16; cache lines are 64
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
LABELS_FILE = "labels.txt"


def write(path: str | Path, graph: bytes, contract: Contract) -> ModelFile:
    """Write a converter's `.tflite` bytes with a contract, whole or not at all; the same input gives the same bytes."""
    data = seal(graph, contract)
    files.write_bytes(path, data)
    return model_file.from_bytes(data, Path(path).name)


def rewrite(path: str | Path, file: ModelFile, contract: Contract) -> ModelFile:
    """Write a sealed file again with another contract."""
    return write(path, graph_bytes(file), contract)


def graph_bytes(file: AnyFile) -> bytes:
    """What the converter wrote, without the contract.

    Raises:
        ModelFileError: where the file says that it lies is another graph, or none.
    """
    span = file.model.metadata.get(GRAPH_BUFFER_NAME)
    if not isinstance(file, ModelFile) or not file.sealed or span is None:
        return file.data
    start, size = struct.unpack("<QQ", span) if len(span) == _SPAN_BYTES else (0, 0)
    graph = file.data[start : start + size]
    if _outline(parse(graph, f"The graph inside {file.name}").graph) != _outline(file.model.graph):
        raise ModelFileError(
            f"{file.name}: the graph inside the file differs from the graph that it runs. The file is damaged: "
            "write or copy it again."
        )
    return graph


def _outline(graph: Graph) -> list[object]:
    """What two copies of a graph have in common."""
    tensors: list[object] = [(tensor.name, tensor.shape, tensor.dtype, len(tensor.data)) for tensor in graph.tensors]
    operators = [(operator.name, operator.inputs, operator.outputs) for operator in graph.operators]
    return [*tensors, *operators, graph.inputs, graph.outputs]


def seal(graph: bytes, contract: Contract) -> bytes:
    """The artifact's bytes.

    Raises:
        ModelFileError: the contract has a value that could not be read again.
    """
    contract = Contract.from_dict(contract.to_dict())
    json_text = '{"sha256":"' + "0" * DIGEST_SIZE + '",' + contract.to_json()[1:]
    own = json_text.encode()
    head, own_start = _head(graph, own, standard_metadata(contract, LABELS_FILE))
    data = bytearray(head + graph + (_labels_zip(contract.labels, len(head) + len(graph)) if contract.labels else b""))
    digest = hashlib.sha256(data).hexdigest().encode()
    data[own_start + DIGEST_START : own_start + DIGEST_START + DIGEST_SIZE] = digest
    return bytes(data)


def _labels_zip(labels: tuple[str, ...], offset: int) -> bytes:
    """A stored zip whose offsets count from the start of the file it is appended to."""
    stream = io.BytesIO(b"\0" * offset)
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(LABELS_FILE, _ZIP_DATE), "\n".join(labels) + "\n")
    return stream.getvalue()[offset:]


class _Head:
    """Writes flatbuffer tables front to back; offsets to what comes later are filled in when it is there."""

    def __init__(self) -> None:
        self.data = bytearray(b"\0\0\0\0TFL3")

    def align(self, size: int) -> None:
        self.data += b"\0" * (-len(self.data) % size)

    def point(self, place: int, target: int) -> None:
        """Write the relative offset from `place` to `target`."""
        struct.pack_into("<I", self.data, place, target - place)

    def table(self, fields: list[bool]) -> tuple[int, list[int]]:
        """A table of 4-byte fields, those that are True; returns its place and each field's place (0: absent)."""
        self.align(4)
        vtable = len(self.data)
        count = sum(fields)
        self.data += struct.pack("<HH", 4 + 2 * len(fields), 4 + 4 * count)
        offsets, next_offset = [], 4
        for present in fields:
            offsets.append(next_offset if present else 0)
            next_offset += 4 if present else 0
        self.data += struct.pack(f"<{len(fields)}H", *offsets)
        self.align(4)
        table = len(self.data)
        self.data += struct.pack("<i", table - vtable) + b"\0" * (4 * count)
        return table, [table + offset if offset else 0 for offset in offsets]

    def offsets(self, count: int) -> int:
        """A vector of `count` offsets; returns its place (the items start 4 bytes later)."""
        self.align(4)
        place = len(self.data)
        self.data += struct.pack("<I", count) + b"\0" * (4 * count)
        return place

    def octets(self, content: bytes, alignment: int = 4) -> int:
        """A vector of bytes, zero-terminated, whose content is aligned; returns its place."""
        self.data += b"\0" * (-(len(self.data) + 4) % alignment)
        place = len(self.data)
        self.data += struct.pack("<I", len(content)) + content + b"\0"
        return place


def _head(graph: bytes, own: bytes, metadata: bytes) -> tuple[bytes, int]:
    """The head, and where the contract's JSON starts in it."""
    old = Table.root(graph)
    head = _Head()
    kept = [field for field in (1, 2, 3, 5, 7) if old.place(field)]
    root, places = head.table([field in (0, 4, 6) or field in kept for field in range(8)])
    head.point(0, root)
    struct.pack_into("<I", head.data, places[0], 3)
    added = [(standard.BUFFER_NAME, metadata), (BUFFER_NAME, own), (GRAPH_BUFFER_NAME, b"\0" * 16)]
    replaced = {name for name, _ in added}
    old_buffers = [table.position for table in old.tables(4)]
    old_metadata = [table.position for table in old.tables(6) if table.string(0) not in replaced]
    buffers = head.offsets(len(old_buffers) + len(added))
    entries = head.offsets(len(old_metadata) + len(added))
    head.point(places[4], buffers)
    head.point(places[6], entries)
    starts = []
    for number, (name, content) in enumerate(added):
        entry, (name_place, buffer_place) = head.table([True, True])
        head.point(entries + 4 + 4 * (len(old_metadata) + number), entry)
        struct.pack_into("<I", head.data, buffer_place, len(old_buffers) + number)
        head.point(name_place, head.octets(name.encode()))
        buffer, (data_place,) = head.table([True])
        head.point(buffers + 4 + 4 * (len(old_buffers) + number), buffer)
        vector = head.octets(content, alignment=16)
        head.point(data_place, vector)
        starts.append(vector + 4)
    head.align(_ALIGNMENT)
    base = len(head.data)
    struct.pack_into("<QQ", head.data, starts[2], base, len(graph))
    for field in kept:
        vector = old.place(field)
        head.point(places[field], base + vector + struct.unpack_from("<I", graph, vector)[0])
    for index, place in enumerate(old_buffers):
        head.point(buffers + 4 + 4 * index, base + place)
    for index, place in enumerate(old_metadata):
        head.point(entries + 4 + 4 * index, base + place)
    return bytes(head.data), starts[1]

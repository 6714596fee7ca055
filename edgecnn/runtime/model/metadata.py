"""The standard TFLite metadata (buffer `TFLITE_METADATA` and the zip of associated files), read.

Field numbers follow `metadata_schema.fbs` of TFLite / MediaPipe Tasks.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

from ..errors import ModelFileError
from ..zips import DAMAGED_ZIP, read_member
from .flatbuffer import Table
from .label_file import MAX_BYTES

BUFFER_NAME = "TFLITE_METADATA"
_NORMALIZATION = 1
_AXIS_LABELS, _VALUE_LABELS = 2, 3
_MAX_DIRECTORY_BYTES = 1 << 20
_LONGEST_END = 22 + 65_535  # bytes: the record at the end of a zip, and its comment


@dataclass(frozen=True)
class StandardMetadata:
    """What other programs say of a model: its name, normalization (or None), labels."""

    name: str
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    labels: tuple[str, ...]


def read(metadata: memoryview, file: bytes) -> StandardMetadata:
    """Parse the metadata buffer; labels come from the zip that is appended to the file.

    Raises:
        ModelFileError: the metadata is damaged.
    """
    root = Table.root(metadata, bounded=True)
    graphs = root.tables(3)
    inputs = graphs[0].tables(2) if graphs else []
    outputs = graphs[0].tables(3) if graphs else []
    mean, std = _normalization(inputs[0]) if inputs else (None, None)
    names = [
        table.string(0)
        for tensor in outputs
        for table in tensor.tables(6)
        if table.scalar(2, "int8") in (_AXIS_LABELS, _VALUE_LABELS)
    ]
    labels = _associated_labels(file, names[0]) if names else ()
    return StandardMetadata(root.string(0), mean, std, labels)


def _normalization(tensor: Table) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    for unit in tensor.tables(4):
        options = unit.table(1)
        if unit.scalar(0, "uint8") == _NORMALIZATION and options:
            return tuple(options.array(0, "<f4").tolist()), tuple(options.array(1, "<f4").tolist())
    return None, None


def _associated_labels(file: bytes, name: str) -> tuple[str, ...]:
    try:
        _check_directory(file)
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            if archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError("its compression method is not supported")
            return tuple(read_member(archive, name, MAX_BYTES).decode("utf-8").splitlines())
    except (OSError, *DAMAGED_ZIP) as error:
        raise ModelFileError(
            f"The labels file {name!r} inside the model can't be read: {error}. Give the labels with --labels FILE."
        ) from error


def _check_directory(file: bytes) -> None:
    """Bound the list of members, which Python reads as a whole: it takes fifteen times the bytes in memory."""
    place = file.rfind(b"PK\5\6", max(0, len(file) - _LONGEST_END))
    is_zip64 = place >= 20 and file[place - 20 : place - 16] == b"PK\6\7"
    if place >= 0 and (is_zip64 or int.from_bytes(file[place + 12 : place + 16], "little") > _MAX_DIRECTORY_BYTES):
        raise ValueError(f"the archive's directory has more than {_MAX_DIRECTORY_BYTES:,} bytes")

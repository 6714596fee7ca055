"""The standard TFLite metadata (buffer `TFLITE_METADATA` and the zip of associated files), read.

Field numbers follow `metadata_schema.fbs` of TFLite / MediaPipe Tasks.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass

from ..errors import ModelFileError
from .flatbuffer import Table

BUFFER_NAME = "TFLITE_METADATA"
_NORMALIZATION = 1
_AXIS_LABELS = 2


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
        table.string(0) for tensor in outputs for table in tensor.tables(6) if table.scalar(2, "int8") == _AXIS_LABELS
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
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            return tuple(archive.read(name).decode("utf-8").splitlines())
    except (zipfile.BadZipFile, zlib.error, KeyError, OSError, ValueError, RuntimeError, EOFError) as error:
        raise ModelFileError(f"The labels file {name!r} inside the model can't be read: {error}.") from error

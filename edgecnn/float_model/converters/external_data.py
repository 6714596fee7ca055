"""The files beside an ONNX model that hold its weights, read from the model's protobuf messages without `onnx`.

The location of each is written in the model, so it is a stranger's: only files in the model's own folder, or below it,
are accepted (as ONNX's specification says, https://onnx.ai/onnx/repo-docs/ExternalData.html).
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

from edgecnn.core import protobuf
from edgecnn.core.errors import ModelFileError
from edgecnn.core.text import printable
from edgecnn.runtime.regular_file import check_regular

# Field numbers of onnx.proto: those of messages that a tensor can lie in, and what lies there.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_KEY, _VALUE = 1, 2  # of an entry


def external_files(path: Path) -> list[Path]:
    """All weights files that an ONNX model names, sorted; none where it holds its weights itself.

    Raises:
        ModelFileError: a location is outside of the model's folder, its file is missing or not a regular file, or the
            model is damaged.
    """
    return [_checked(path, location) for location in sorted(_locations(path))]


def _checked(model: Path, location: str) -> Path:
    parts = (*PurePosixPath(location).parts, *PureWindowsPath(location).parts)
    outside = PurePosixPath(location).is_absolute() or PureWindowsPath(location).anchor or ".." in parts
    if outside or not location:
        raise ModelFileError(
            f"{model} names a weights file {printable(repr(location))}; expected one in the model's folder. It was not "
            "loaded: export the model again with its weights beside it."
        )
    file = model.parent / location
    try:
        check_regular(file)
    except OSError as error:
        raise ModelFileError(
            f"{model} has its weights in {printable(location)}, which can't be read: {error.strerror}. Put the file "
            f"into {model.parent}, as it was exported."
        ) from error
    return file


def _locations(path: Path) -> set[str]:
    found: set[str] = set()
    if not path.stat().st_size:
        return found
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        waiting = [("model", 0, len(data))]  # messages, by kind
        try:
            while waiting:
                kind, *place = waiting.pop()
                fields = [field for field in protobuf.fields(data, *place) if field.kind == protobuf.BYTES]
                if kind == "entry":
                    found |= _location({field.number: data[field.begin : field.end] for field in fields})
                inside = _INSIDE.get(kind, {})
                waiting += [
                    (inside[field.number], field.begin, field.end) for field in fields if field.number in inside
                ]
        except ValueError as error:
            raise ModelFileError(f"{path} is no valid ONNX model: {error}. Export it again.") from error
    return found


def _location(entry: Mapping[int, bytes]) -> set[str]:
    """Of a key and a value."""
    return {entry.get(_VALUE, b"").decode(errors="replace")} if entry.get(_KEY) == b"location" else set()

"""What a file is, by its first bytes and its name: for messages about an argument that is of another kind."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

from edgecnn.runtime.zips import DAMAGED_ZIP


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        name: "image", "tflite", "keras", "saved_model", "onnx", "pt2", "folder", "recipe" or "other".
        words: for a message, e.g. "a PNG image".
        remedy: what to do with one where a model is expected.
    """

    name: str
    words: str
    remedy: str = ""


KERAS = Kind("keras", "a Keras model")
TFLITE = Kind("tflite", "a TensorFlow Lite model")
_ONNX = Kind("onnx", "an ONNX model", "Convert it: edgecnn quantize.")
_PT2 = Kind("pt2", "an exported PyTorch program", "Convert it: edgecnn quantize.")
_TORCH = Kind("other", "a PyTorch file", "Export the model by torch.export.save to a .pt2, for edgecnn quantize.")
_GRAPH = Kind(
    "other", "a frozen TensorFlow graph", "Export the model as a SavedModel folder, which `edgecnn quantize` reads."
)
_BY_BYTES = (
    (0, b"\x89PNG", Kind("image", "a PNG image")),
    (0, b"\xff\xd8\xff", Kind("image", "a JPEG image")),
    (0, b"GIF8", Kind("image", "a GIF image")),
    (0, b"BM", Kind("image", "a BMP image")),
    (0, b"II*\0", Kind("image", "a TIFF image")),
    (0, b"MM\0*", Kind("image", "a TIFF image")),
    (8, b"WEBP", Kind("image", "a WebP image")),
    (4, b"ftypheic", Kind("image", "a HEIC image")),
    (4, b"ftypavif", Kind("image", "an AVIF image")),
    (4, b"TFL3", TFLITE),
    (0, b"\x89HDF\r\n", KERAS),
    (0, b"%PDF", Kind("other", "a PDF document")),
)
_BY_SUFFIX = {
    **dict.fromkeys(
        (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".heic"), Kind("image", "an image")
    ),
    ".onnx": _ONNX,
    ".pt2": _PT2,
    **dict.fromkeys((".pt", ".pth", ".ckpt"), _TORCH),
    ".safetensors": Kind(
        "other", "a safetensors weights file", "It holds weights without a model; use it with edgecnn build --weights."
    ),
    ".pb": _GRAPH,
    ".mlmodel": Kind("other", "a Core ML model", "Convert the original model instead."),
    ".toml": Kind("recipe", "a recipe"),
    ".keras": KERAS,
    ".h5": KERAS,
    ".hdf5": KERAS,
}
_FIRST = 16


def kind_of(path: str | Path) -> Kind | None:
    """What a path is; None for what isn't there, can't be read, or is of no known kind."""
    path = Path(path)
    try:
        if path.is_dir():
            return (
                Kind("saved_model", "a SavedModel")
                if (path / "saved_model.pb").exists()
                else Kind("folder", "a folder")
            )
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            first = stream.read(_FIRST)
    except (OSError, ValueError):
        return None
    if first[:4] == b"PK\x03\x04":
        return _of_zip(path)
    found = (kind for start, magic, kind in _BY_BYTES if first[start : start + len(magic)] == magic)
    return next(found, None) or _BY_SUFFIX.get(path.suffix.lower())


def _of_zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, *DAMAGED_ZIP):
        names = []
    if path.suffix == ".keras" or "config.json" in names:
        return KERAS
    if path.suffix.lower() == ".pt2":
        return _PT2
    if any(name.endswith("data.pkl") for name in names):
        return _TORCH
    return Kind("other", "a zip archive")

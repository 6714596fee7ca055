"""A folder with a folder per class, or a folder of unlabeled pictures."""

from __future__ import annotations

from pathlib import Path

from edgecnn.core.errors import DataError
from edgecnn.data.dataset import DataSet, FileExample

SYNTAX = "a folder with a folder of pictures per class (or a folder of pictures without classes)"
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".gif"}


def accepts(spec: str) -> bool:
    """Whether the path is a folder."""
    return Path(spec).is_dir()


def open_data(spec: str) -> DataSet:
    """List the pictures, sorted by class and name; what is hidden and other kinds of files are passed over."""
    root = Path(spec)
    examples = [
        FileExample(path, path.relative_to(root).as_posix(), folder.name)
        for folder in sorted(path for path in root.iterdir() if path.is_dir())
        for path in sorted(folder.rglob("*"))
        if _is_picture(path, root)
    ]
    if not examples:
        examples = [FileExample(path, path.name) for path in sorted(root.iterdir()) if _is_picture(path, root)]
    if not examples:
        raise DataError(
            f"The folder {spec} holds no pictures. Expected one folder per class, with files that end in "
            f"{', '.join(sorted(SUFFIXES))}."
        )
    classes = tuple(sorted({example.label for example in examples if example.label is not None}))
    return DataSet(spec, tuple(examples), classes)


def _is_picture(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return path.suffix.lower() in SUFFIXES and not hidden and path.is_file()

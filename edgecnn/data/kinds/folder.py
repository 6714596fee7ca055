"""A folder with a folder per class, a folder of such splits, or a folder of images without classes."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

from edgecnn.core.errors import DataError
from edgecnn.core.text import counted
from edgecnn.data.annotated import annotation_format
from edgecnn.data.dataset import DataSet, FileExample
from edgecnn.data.layout import Layout, find_layout
from edgecnn.data.listing import entries, identity, images_below, passed_over_sentence, printable
from edgecnn.data.shard_files import shard_files

SYNTAX = "a folder with a folder of images per class (or a folder of images without classes)"


def accepts(spec: str) -> bool:
    """Whether the path is a folder without annotations of boxes, and not of shards."""
    return Path(spec).is_dir() and annotation_format(spec) is None and shard_files(spec) is None


def open_data(spec: str) -> DataSet:
    """List the images, sorted by class and name; what is hidden is passed over, and other kinds of files are counted.

    Raises:
        DataError: the folder can't be opened, holds no images, or it isn't clear which of its folders are splits.
    """
    return open_folder(Path(spec), spec)


def open_folder(root: Path, name: str) -> DataSet:
    """The same for a folder that the user calls `name`."""
    try:
        layout = find_layout(root, name)
    except OSError as error:
        raise DataError(f"Can't open the folder {name}: {error.strerror}. Check its permissions.") from error
    if layout.splits:
        return _of_splits(layout, name)
    return _of_classes(layout, name)


def _of_splits(layout: Layout, name: str) -> DataSet:
    """All images of all splits; the splits are kept beside them."""
    splits = {split: open_folder(folder, f"{name}/{printable(folder.name)}") for split, folder in layout.splits.items()}
    examples = [
        dataclasses.replace(example, name=f"{printable(layout.splits[split].name)}/{example.name}")
        for split, data in splits.items()
        for example in data.examples
        if isinstance(example, FileExample)
    ]
    classes = tuple(sorted({label for data in splits.values() for label in data.classes}))
    notes = (*layout.notes, *(note for data in splits.values() for note in data.notes))
    examples.sort(key=lambda example: example.name)
    return DataSet(name, tuple(examples), classes, notes=notes, splits=splits)


def _of_classes(layout: Layout, name: str) -> DataSet:
    passed_over: Counter[str] = Counter()
    root, above = layout.root, frozenset((identity(layout.root),))
    examples = [
        FileExample(path, printable(path.relative_to(root).as_posix()), printable(folder.name))
        for folder in layout.classes
        for path in images_below(folder, passed_over, above)
    ]
    found = entries(root)
    direct = found.images
    notes = list(layout.notes)
    if examples and direct:
        notes.append(f"{name}: ignores {counted(len(direct), 'image')} outside of the class folders.")
    passed_over.update(found.passed_over)
    if not examples:
        examples = [FileExample(path, printable(path.name)) for path in direct]
    if passed_over:
        notes.append(passed_over_sentence(name, passed_over))
    if not examples:
        raise DataError(
            f"The folder {name} holds no images that can be read. Expected one folder per class, with JPEG, PNG, WebP, "
            f"GIF, BMP or TIFF files in it. {' '.join(notes)}".strip()
        )
    classes = tuple(sorted({example.label for example in examples if example.label is not None}))
    empty = tuple(sorted({printable(folder.name) for folder in layout.classes} - set(classes))) if classes else ()
    return DataSet(name, tuple(examples), classes, notes=tuple(notes), empty=empty)

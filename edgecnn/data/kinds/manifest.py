"""A `.csv` or `.tsv` file with the columns `path` and `label`; paths are relative to the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgecnn.core.errors import DataError
from edgecnn.data.dataset import DataSet, FileExample
from edgecnn.data.listing import printable
from edgecnn.data.table import (
    LABELS,
    PATHS,
    SPLITS,
    Rows,
    has_boxes,
    is_table,
    located,
    only,
    plain,
    read_table,
    records,
    refuse_boxes,
    refuse_missing,
    refuse_splits,
)

SYNTAX = "a .csv or .tsv file with the columns path,label (label is optional)"


def accepts(spec: str) -> bool:
    """Whether the path is a manifest file; one with corners of boxes is of another kind."""
    return is_table(spec) and not has_boxes(Path(spec))


def open_data(spec: str) -> DataSet:
    """Read the manifest.

    Raises:
        DataError: it has no column of paths, no rows, labels for some rows only, or names files that don't exist; or
            it isn't clear which column holds what.
    """
    path = Path(spec)
    header, rows = read_table(path)
    path_column, label_column = _columns(header, rows, spec)
    if not rows:
        raise DataError(f"{spec} lists no images. Expected a header `path,label` and one row per image.")
    examples = []
    for _, row in records(header, rows, path_column, spec):
        text, label = row[path_column], row[label_column] if label_column is not None else ""
        examples.append(FileExample(located(path.parent, text), printable(text), printable(label) or None))
    refuse_missing([example.path for example in examples], [example.name for example in examples], spec)
    examples.sort(key=lambda example: example.name)
    classes = tuple(sorted({example.label for example in examples if example.label is not None}))
    return DataSet(spec, tuple(examples), classes)


def _columns(header: Sequence[str], rows: Rows, spec: str) -> tuple[int, int | None]:
    """Which column holds the paths, and which the labels.

    Raises:
        DataError: several could, or none.
    """
    names = {number: plain(name) for number, name in enumerate(header)}
    path = only(names, PATHS, header, spec, "path")
    if path is None:
        raise DataError(
            f"{spec} has the columns {', '.join(header) or '(none)'}; expected the header path,label in line 1."
        )
    rest = {
        number: name for number, name in names.items() if number != path and name and not name.startswith("unnamed")
    }
    refuse_splits(rest, rows, spec)
    refuse_boxes(rest, header, spec)
    label = only(rest, LABELS, header, spec, "label")
    others = [
        header[number] for number, name in rest.items() if name not in ("id", "index", "width", "height", *SPLITS)
    ]
    if label is None and others:
        raise DataError(
            f"{spec} has the columns {', '.join(header)}: {header[path]} holds the paths, but which column holds "
            "the labels is unclear. Rename that column to label; for images without labels, remove "
            f"{', '.join(others)}."
        )
    return path, label

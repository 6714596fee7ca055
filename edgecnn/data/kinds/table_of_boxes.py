"""A `.csv` or `.tsv` file with a row per object, `path,label,xmin,ymin,xmax,ymax` in pixels; paths are relative to it.

An image without objects has one row, with nothing but its path. Columns `width` and `height` are the size of the image
that the corners are of; corners of which none is above 1 are shares of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgecnn.core.errors import DataError
from edgecnn.data.box_orientation import annotated_example
from edgecnn.data.boxes import MOST_SHARE, Box, Findings, box_data, image_size
from edgecnn.data.dataset import DataSet
from edgecnn.data.listing import printable
from edgecnn.data.table import (
    LABELS,
    PATHS,
    corner_columns,
    has_boxes,
    is_table,
    located,
    only,
    plain,
    read_table,
    records,
    refuse_missing,
    refuse_splits,
)

SYNTAX = "a .csv or .tsv file with the columns path,label,xmin,ymin,xmax,ymax, a row per object"
_SIZES = ("width", "height")


def accepts(spec: str) -> bool:
    """Whether the path is a table with corners of boxes."""
    return is_table(spec) and has_boxes(Path(spec))


def open_data(spec: str) -> DataSet:
    """Read the table.

    Raises:
        DataError: it has no column of paths or labels, a row has no numbers, or names a file that doesn't exist.
    """
    header, rows = read_table(Path(spec))
    names = {number: plain(name) for number, name in enumerate(header)}
    corners, path_column = corner_columns(header), only(names, PATHS, header, spec, "path")
    rest = {number: name for number, name in names.items() if number not in (path_column, *(corners or ()))}
    label_column = only(rest, LABELS, header, spec, "label")
    if corners is None or path_column is None or label_column is None:
        raise DataError(f"{spec} has the columns {', '.join(header)}; expected path,label,xmin,ymin,xmax,ymax.")
    refuse_splits(rest, rows, spec)
    plain_names = list(names.values())
    sizes = [plain_names.index(name) for name in _SIZES if name in plain_names]
    boxes: dict[str, list[Box]] = {}
    said: dict[str, tuple[float, float]] = {}
    for number, row in records(header, rows, path_column, spec):
        own = boxes.setdefault(row[path_column], [])
        if len(sizes) == len(_SIZES):
            said.setdefault(row[path_column], _size(row[sizes[0]], row[sizes[1]]))
        label, values = row[label_column], [row[column] for column in corners]
        if any((label, *values)):
            own.append(_box(label, values, f"{spec}, line {number}"))
    return _data(spec, boxes, said)


def _data(spec: str, boxes: dict[str, list[Box]], said: dict[str, tuple[float, float]]) -> DataSet:
    root, findings, examples, notes = Path(spec).parent, Findings(), [], []
    paths = {text: located(root, text) for text in boxes}
    refuse_missing(list(paths.values()), [printable(text) for text in paths], spec)
    are_shares = all(abs(corner) <= MOST_SHARE for own in boxes.values() for box in own for corner in box.corners)
    if are_shares:
        notes.append(f"{spec}: no corner is above {MOST_SHARE}; they are taken as shares of the image.")
    for text, own in boxes.items():
        seen = image_size(paths[text])
        if seen is None:
            findings.add("images have no readable header and are left out", printable(text))
            continue
        size = said.get(text, seen)
        if are_shares:
            own, size = [_in_pixels(box, seen) for box in own], seen
        examples.append(annotated_example(paths[text], root, own, size if min(size) > 0 else seen, findings))
    classes = {box.label for own in boxes.values() for box in own}
    return box_data(spec, examples, classes, [*findings.notes(spec), *notes])


def _in_pixels(box: Box, size: tuple[float, float]) -> Box:
    left, top, right, bottom = box.corners
    return replace(box, corners=(left * size[0], top * size[1], right * size[0], bottom * size[1]))


def _size(width: str, height: str) -> tuple[float, float]:
    """Zeros where none is said."""
    try:
        return float(width), float(height)
    except ValueError:
        return 0.0, 0.0


def _box(label: str, values: Sequence[str], place: str) -> Box:
    try:
        left, top, right, bottom = map(float, values)
    except ValueError as error:
        raise DataError(f"{place}: {printable(str(error))}; expected four numbers, xmin, ymin, xmax, ymax.") from error
    if not label:
        raise DataError(f"{place}: the label is empty; a row without an object has no corners either.")
    return Box(printable(label), (left, top, right, bottom))

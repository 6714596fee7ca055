"""Tables of image paths, `.csv` and `.tsv`, as spreadsheets, pandas and labeling tools write them."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edgecnn.core.errors import DataError
from edgecnn.data.layout import split_named
from edgecnn.runtime.regular_file import read_regular

PATHS = (
    *("path", "file", "filename", "filepath", "image", "image_path", "image_name", "imagename", "image_file", "img"),
    *("img_path", "img_name", "file_path", "file_name", "picture", "photo", "uri"),
)
LABELS = (
    *("label", "labels", "class", "classes", "class_name", "classname", "class_label", "category", "target", "y"),
    *("label_name", "species", "breed", "ground_truth"),
)
SPLITS = ("split", "set", "subset", "partition", "fold", "data_set", "dataset", "usage")
CORNERS = (
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("x1", "y1", "x2", "y2"),
    ("x0", "y0", "x1", "y1"),
    ("left", "top", "right", "bottom"),
    ("bbox_left", "bbox_top", "bbox_right", "bbox_bottom"),
)
"""What the columns of a box's corners are called, left, top, right and bottom."""
_BOXES = (
    *("bbox", "bboxes", "box", "boxes", "bounding_box", "bndbox", "polygon", "polygons", "segmentation", "rle"),
    *("bbox_x", "bbox_y", "bbox_w", "bbox_h", "bbox_width", "bbox_height"),
    *("x_center", "y_center", "xcenter", "ycenter"),
    *(name for corners in CORNERS for name in corners),
)
"""Columns that only a table of objects has."""
_SEPARATORS = ",;\t|"
_MAX_BYTES = 512 << 20
_HEADER_BYTES = 1 << 14
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
Rows = list[tuple[int, list[str]]]


def is_table(spec: str) -> bool:
    """Whether the path is a `.csv` or `.tsv` file."""
    return Path(spec).suffix.lower() in (".csv", ".tsv") and Path(spec).exists() and not Path(spec).is_dir()


def read_table(path: Path) -> tuple[list[str], Rows]:
    """The header, and each row with the number of its line; values without space around them, no empty rows.

    Raises:
        DataError: it can't be read, or is no such table.
    """
    try:
        return _parsed(_decoded(read_regular(path, _MAX_BYTES)))
    except OSError as error:
        raise DataError(f"Can't read the manifest {path}: {error.strerror}. Check its permissions.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"Can't read the manifest {path}: {error}. Save it as CSV in UTF-8.") from error


def has_boxes(path: Path) -> bool:
    """Whether a table has columns of corners; False for what can't be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            first = stream.read(_HEADER_BYTES).lstrip().split(b"\n\n")[0]
        header, _ = _parsed("\n".join(_decoded(first, "replace").lstrip().splitlines()[:1]))
    except (OSError, csv.Error):
        return False
    return corner_columns(header) is not None


def corner_columns(header: Sequence[str]) -> tuple[int, int, int, int] | None:
    """Where the corners stand; None where they don't."""
    names = [plain(name) for name in header]
    for left, top, right, bottom in CORNERS:
        if {left, top, right, bottom} <= set(names):
            return names.index(left), names.index(top), names.index(right), names.index(bottom)
    return None


def _decoded(data: bytes, errors: str = "strict") -> str:
    return data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig", errors)


def _parsed(text: str) -> tuple[list[str], Rows]:
    first = text.lstrip().split("\n", 1)[0]
    separator = max(_SEPARATORS, key=lambda mark: (_known(first.split(mark)), first.count(mark)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    rows = [(reader.line_num, [value.strip() for value in row]) for row in reader if any(map(str.strip, row))]
    return (rows[0][1], rows[1:]) if rows else ([], [])


def _known(names: Sequence[str]) -> int:
    return sum(plain(name) in (*PATHS, *LABELS) for name in names)


def plain(name: str) -> str:
    """The name of a column, whatever its case, spaces and quotes."""
    return re.sub(r"[\s\-]+", "_", name.strip().strip("\"'").strip()).casefold()


def records(header: Sequence[str], rows: Rows, path_column: int, spec: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and values of each row, one value per column; those that a short row lacks are empty.

    Raises:
        DataError: a row has no path, or more values than there are columns.
    """
    for number, row in rows:
        values = [*row, *[""] * (len(header) - len(row))]
        if not values[path_column]:
            raise DataError(f"{spec}, line {number}: the path is empty. Fill it in, or remove the line.")
        if any(values[len(header) :]):
            raise DataError(
                f"{spec}, line {number} has {len(row)} values for {len(header)} columns; put values that contain "
                "separators in quotes."
            )
        yield number, values


def located(folder: Path, text: str) -> Path:
    """A path of the table; one from Windows has backslashes."""
    path = folder / text
    return folder / text.replace("\\", "/") if "\\" in text and not path.is_file() else path


def only(names: Mapping[int, str], known: Sequence[str], header: Sequence[str], spec: str, wanted: str) -> int | None:
    """The column of that very name; otherwise the only one whose name is known.

    Args:
        names: plain names by column.
        known: what it may be called.
        header: names as they are written.
        spec: what the user called the table.
        wanted: what it is best called.

    Raises:
        DataError: several could be it.
    """
    exact = [number for number, name in names.items() if name == wanted]
    found = exact or [number for number, name in names.items() if name in known]
    if len(found) > 1:
        several = " and ".join(header[number] for number in found)
        raise DataError(f"{spec}: {several} may each be the column {wanted}. Rename the right one to {wanted}.")
    return found[0] if found else None


def refuse_missing(paths: Sequence[Path], names: Sequence[str], spec: str) -> None:
    """Refuse a table whose images aren't there.

    Raises:
        DataError: some are missing.
    """
    missing = [name for path, name in zip(paths, names) if not path.is_file()]
    if missing:
        raise DataError(
            f"{spec}: {len(missing)} of {len(paths)} files don't exist or are not regular files (the first is "
            f"{missing[0]}). Paths are relative to the folder of {Path(spec).name}."
        )


def refuse_boxes(names: Mapping[int, str], header: Sequence[str], spec: str) -> None:
    """Refuse columns of boxes that are written otherwise than by their corners; they would be images of one class each.

    Raises:
        DataError: there are some.
    """
    known = (*_BOXES, "x", "y") if {"x", "y"} <= set(names.values()) else _BOXES
    found = [header[number] for number, name in names.items() if name in known]
    if found:
        raise DataError(
            f"{spec} seems to have boxes, in {', '.join(found)}; expected the columns path,label,xmin,ymin,xmax,ymax, "
            "a row per object. To classify whole images, remove those columns."
        )


def refuse_splits(names: Mapping[int, str], rows: Rows, spec: str) -> None:
    """Refuse a column that says which rows train and which test.

    Raises:
        DataError: there is one.
    """
    for number, name in names.items():
        values = {row[number] for _, row in rows if number < len(row)} if name in SPLITS else set()
        if len({split_named(value) for value in values} - {None}) > 1:
            raise DataError(
                f"{spec}: the column {name} assigns the images to the splits {', '.join(sorted(values)[:5])}. "
                "Write one .csv file per split, and give them as --data, --validation and --test."
            )

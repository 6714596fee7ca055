"""A `.csv` or `.tsv` file with the columns `path` and `label`; paths are relative to the file."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgecnn.core.errors import DataError
from edgecnn.data.dataset import DataSet, FileExample
from edgecnn.data.layout import split_named
from edgecnn.data.listing import printable
from edgecnn.runtime.regular_file import read_regular

SYNTAX = "a .csv or .tsv file with the columns path,label (label is optional)"
_PATHS = (
    *("path", "file", "filename", "filepath", "image", "image_path", "image_name", "imagename", "image_file", "img"),
    *("img_path", "img_name", "file_path", "file_name", "picture", "photo", "uri"),
)
_LABELS = (
    *("label", "labels", "class", "classes", "class_name", "classname", "class_label", "category", "target", "y"),
    *("label_name", "species", "breed", "ground_truth"),
)
_SPLITS = ("split", "set", "subset", "partition", "fold", "data_set", "dataset", "usage")
_SEPARATORS = ",;\t|"
_MAX_BYTES = 512 << 20
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def accepts(spec: str) -> bool:
    """Whether the path is a manifest file."""
    return Path(spec).suffix.lower() in (".csv", ".tsv") and Path(spec).exists() and not Path(spec).is_dir()


def open_data(spec: str) -> DataSet:
    """Read the manifest.

    Raises:
        DataError: it has no column of paths, no rows, labels for some rows only, or names files that don't exist; or
            it isn't clear which column holds what.
    """
    path = Path(spec)
    header, rows = _table(path)
    path_column, label_column = _columns(header, rows, spec)
    if not rows:
        raise DataError(f"{spec} lists no images. Expected a header `path,label` and one row per image.")
    examples = []
    for number, row in rows:
        text = row[path_column] if path_column < len(row) else ""
        if not text:
            raise DataError(f"{spec}, line {number}: the path is empty. Fill it in, or remove the line.")
        if any(row[len(header) :]):
            raise DataError(
                f"{spec}, line {number} has {len(row)} values for {len(header)} columns; put values that contain "
                "separators in quotes."
            )
        label = row[label_column] if label_column is not None and label_column < len(row) else ""
        examples.append(FileExample(_located(path.parent, text), printable(text), printable(label) or None))
    missing = [example.name for example in examples if not example.path.is_file()]
    if missing:
        raise DataError(
            f"{spec}: {len(missing)} of {len(examples)} files don't exist or are not regular files (the first is "
            f"{missing[0]}). Paths are relative to the folder of {path.name}."
        )
    examples.sort(key=lambda example: example.name)
    classes = tuple(sorted({example.label for example in examples if example.label is not None}))
    return DataSet(spec, tuple(examples), classes)


def _located(folder: Path, text: str) -> Path:
    """A path of the manifest; one from Windows has backslashes."""
    path = folder / text
    return folder / text.replace("\\", "/") if "\\" in text and not path.is_file() else path


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and each row with the number of its line; values without space around them, no empty rows."""
    try:
        data = read_regular(path, _MAX_BYTES)
        text = data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
        first = text.lstrip().split("\n", 1)[0]
        separator = max(_SEPARATORS, key=lambda mark: (_known(first.split(mark)), first.count(mark)))
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
        rows = [(reader.line_num, [value.strip() for value in row]) for row in reader if any(map(str.strip, row))]
    except OSError as error:
        raise DataError(f"Can't read the manifest {path}: {error.strerror}. Check its permissions.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"Can't read the manifest {path}: {error}. Save it as CSV in UTF-8.") from error
    return (rows[0][1], rows[1:]) if rows else ([], [])


def _known(names: Sequence[str]) -> int:
    return sum(_plain(name) in (*_PATHS, *_LABELS) for name in names)


def _plain(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().strip("\"'").strip()).casefold()


def _columns(header: Sequence[str], rows: Sequence[tuple[int, list[str]]], spec: str) -> tuple[int, int | None]:
    """Which column holds the paths, and which the labels.

    Raises:
        DataError: several could, or none.
    """
    names = {number: _plain(name) for number, name in enumerate(header)}
    path = _only(names, _PATHS, header, spec, "path")
    if path is None:
        raise DataError(
            f"{spec} has the columns {', '.join(header) or '(none)'}; expected the header path,label in line 1."
        )
    rest = {
        number: name for number, name in names.items() if number != path and name and not name.startswith("unnamed")
    }
    _refuse_splits(rest, rows, spec)
    label = _only(rest, _LABELS, header, spec, "label")
    others = [
        header[number] for number, name in rest.items() if name not in ("id", "index", "width", "height", *_SPLITS)
    ]
    if label is None and others:
        raise DataError(
            f"{spec} has the columns {', '.join(header)}: {header[path]} holds the paths, but which column holds "
            "the labels is unclear. Rename that column to label; for images without labels, remove "
            f"{', '.join(others)}."
        )
    return path, label


def _only(names: Mapping[int, str], known: Sequence[str], header: Sequence[str], spec: str, wanted: str) -> int | None:
    """The column of that very name; otherwise the only one whose name is known."""
    exact = [number for number, name in names.items() if name == wanted]
    found = exact or [number for number, name in names.items() if name in known]
    if len(found) > 1:
        several = " and ".join(header[number] for number in found)
        raise DataError(f"{spec}: {several} may each be the column {wanted}. Rename the right one to {wanted}.")
    return found[0] if found else None


def _refuse_splits(names: Mapping[int, str], rows: Sequence[tuple[int, list[str]]], spec: str) -> None:
    """A column that says which rows train and which test."""
    for number, name in names.items():
        values = {row[number] for _, row in rows if number < len(row)} if name in _SPLITS else set()
        if len({split_named(value) for value in values} - {None}) > 1:
            raise DataError(
                f"{spec}: the column {name} assigns the images to the splits {', '.join(sorted(values)[:5])}. "
                "Write one .csv file per split, and give them as --data, --validation and --test."
            )

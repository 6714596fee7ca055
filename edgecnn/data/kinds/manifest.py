"""A `.csv` or `.tsv` file with the columns `path` and `label`; paths are relative to the file."""

from __future__ import annotations

import csv
from pathlib import Path

from edgecnn.core.errors import DataError
from edgecnn.data.dataset import DataSet, FileExample

SYNTAX = "a .csv or .tsv file with the columns path,label (label may be left out)"


def accepts(spec: str) -> bool:
    """Whether the path is a manifest file."""
    return Path(spec).suffix.lower() in (".csv", ".tsv") and Path(spec).is_file()


def open_data(spec: str) -> DataSet:
    """Read the manifest.

    Raises:
        DataError: it has no `path` column, no rows, labels for some rows only, or names files that don't exist.
    """
    path = Path(spec)
    rows = _rows(path)
    if not rows:
        raise DataError(f"{spec} lists no pictures. Expected a header `path,label` and one row per picture.")
    examples = []
    for number, row in enumerate(rows, start=2):
        if not row.get("path"):
            raise DataError(f"{spec}, line {number}: the path is empty.")
        examples.append(FileExample(path.parent / row["path"], row["path"], row.get("label") or None))
    missing = [example.name for example in examples if not example.path.is_file()]
    if missing:
        raise DataError(f"{spec}: {len(missing)} of {len(examples)} files don't exist, the first is {missing[0]}.")
    examples.sort(key=lambda example: example.name)
    classes = tuple(sorted({example.label for example in examples if example.label is not None}))
    return DataSet(spec, tuple(examples), classes)


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            if "path" not in (reader.fieldnames or ()):
                raise DataError(f"{path} has the columns {reader.fieldnames}; expected a header with path,label.")
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"Can't read the manifest {path}: {error}.") from error

"""COCO's JSON: one file, or a folder with one for each split; also as Label Studio, CVAT and Roboflow export it.

Format: https://cocodataset.org/#format-data (object detection). Boxes are left, top, width, height in pixels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecnn.core.errors import DataError, RecordError
from edgecnn.data.annotated import ANNOTATION_FOLDERS, COCO, ImageIndex, annotation_format, coco_files
from edgecnn.data.box_orientation import annotated_example
from edgecnn.data.boxes import Box, Findings, box_data, box_data_of_splits, image_size
from edgecnn.data.dataset import DataSet, FileExample
from edgecnn.data.layout import split_named
from edgecnn.data.listing import printable
from edgecnn.runtime.model.json_text import parse_json
from edgecnn.runtime.regular_file import read_regular

SYNTAX = "annotations of boxes: a COCO .json file, or a folder with COCO, Pascal VOC or YOLO annotations"
_MOST_BYTES = 1 << 30  # COCO's own training annotations have 448 MB


def accepts(spec: str) -> bool:
    """Whether the path is a JSON file, or a folder with one of COCO's."""
    path = Path(spec)
    if path.is_dir():
        found = annotation_format(path)
        return found is not None and found[0] == COCO
    return path.suffix.lower() == ".json" and path.exists()


def open_data(spec: str) -> DataSet:
    """Read the annotations; a folder's files are its splits.

    Raises:
        DataError: a file is damaged or is none of COCO's, an image is ambiguous, or there are no boxes.
    """
    path, found = Path(spec), annotation_format(spec)
    if found is None:
        inside = path.parent.name.casefold() in ANNOTATION_FOLDERS
        root = path.parent.parent if inside else path.parent
        return _read(path, ImageIndex(root), spec, _split_of(path, root) or "")
    index, files = ImageIndex(found[1]), coco_files(found[1])
    if len(files) == 1:
        return _read(files[0], index, spec, _split_of(files[0], index.root) or "")
    splits: dict[str, DataSet] = {}
    for file in files:
        split = _split_of(file, index.root)
        if split is None or split in splits:
            listed = ", ".join(printable(each.relative_to(index.root).as_posix()) for each in files[:5])
            raise DataError(f"{spec} has several files of annotations, {listed}; give the one that is meant.")
        splits[split] = _read(file, index, f"{spec}/{printable(file.name)}", split)
    return box_data_of_splits(spec, splits)


def _split_of(path: Path, root: Path) -> str | None:
    """By a word of the file's name, `instances_train2017`, or of its folder's, `train/_annotations.coco.json`."""
    words = [*re.split(r"[^A-Za-z]+", path.stem), *([path.parent.name] if path.parent != root else [])]
    return next((split for word in words if (split := split_named(word))), None)


def _read(path: Path, index: ImageIndex, name: str, split: str) -> DataSet:
    try:
        values = parse_json(read_regular(path, _MOST_BYTES))
    except OSError as error:
        raise DataError(f"Can't read the annotations {path}: {error.strerror}.") from error
    except RecordError as error:
        raise DataError(f"Can't read the annotations {path}: {error}") from error
    try:
        return _data(values, path, index, name, split)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise DataError(
            f"{path} is not COCO's format: {printable(repr(error))[:200]}. Expected the keys images, annotations and "
            "categories, and bbox as left, top, width, height in pixels."
        ) from error


def _data(values: Any, path: Path, index: ImageIndex, name: str, split: str) -> DataSet:
    names = {row["id"]: printable(str(row["name"])) for row in values["categories"]}
    boxes: dict[str, list[Box]] = {}  # by the image's id as text: some programs write 1 here and "1" there
    findings = Findings()
    for row in values["annotations"]:
        if "bbox" not in row:
            findings.add("annotations have no bbox and are left out", str(row["image_id"]))
        else:
            boxes.setdefault(str(row["image_id"]), []).append(_box(row, names, path))
    listed = {str(image["id"]) for image in values["images"]}
    for orphan in sorted(image for image in boxes if image not in listed):
        findings.add("image_ids of annotations are of no image in `images`; they are left out", orphan)
    examples, missing = [], []
    for image in values["images"]:
        found = index.find(str(image["file_name"]), path, split)
        if found is None:
            missing.append(printable(str(image["file_name"])))
        else:
            own, size = boxes.get(str(image["id"]), []), _size(image, found)
            if size is None:
                findings.add("images have no readable header and are left out", printable(found.name))
                continue
            examples.append(annotated_example(found, index.root, own, size, findings))
    notes = [*findings.notes(name)]
    twice = [label for label, count in Counter(names.values()).items() if count > 1]
    if twice:
        notes.append(f"{name}: several categories are called {', '.join(twice[:3])}; they are one class.")
    if missing:
        notes.append(f"{name}: {len(missing)} images of the annotations aren't there, the first is {missing[0]}.")
    _refuse_doubles(examples, name)
    return box_data(name, examples, _classes(values, names, boxes), notes)


def _size(image: Mapping[str, Any], path: Path) -> tuple[float, float] | None:
    """Width and height as they are written; of the image itself where they are missing; None where neither is known."""
    if "width" in image and "height" in image:
        return float(image["width"]), float(image["height"])
    return image_size(path)


def _box(row: Mapping[str, Any], names: Mapping[Any, str], path: Path) -> Box:
    if row["category_id"] not in names:
        known = ", ".join(printable(str(number)) for number in [*names][:10])
        raise DataError(
            f"{path}: annotation {printable(str(row.get('id')))[:40]} has the category_id "
            f"{printable(str(row['category_id']))[:40]}; categories declares {known}{', ...' * (len(names) > 10)}."
        )
    left, top, width, height = map(float, row["bbox"])
    crowd = bool(row.get("iscrowd", 0))
    return Box(names[row["category_id"]], (left, top, left + width, top + height), crowd, bool(row.get("ignore", 0)))


def _classes(values: Any, names: Mapping[Any, str], boxes: Mapping[str, list[Box]]) -> set[str]:
    """All that are declared, but for the one without boxes that is over all others (Roboflow writes such)."""
    used = {box.label for own in boxes.values() for box in own}
    parents = {str(row.get("supercategory")) for row in values["categories"]}
    return {label for label in names.values() if label in used or label not in parents}


def _refuse_doubles(examples: list[FileExample], name: str) -> None:
    double = [each for each, count in Counter(example.name for example in examples).items() if count > 1]
    if double:
        raise DataError(f"{name} lists the image {double[0]} more than once; expected each once.")

"""Pascal VOC's XML, a file per image, as LabelImg, CVAT and Roboflow write it; splits in `ImageSets/Main`.

Format: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf, section 10. Corners are taken as they are
written: VOC itself counts pixels from 1, most programs from 0, and nothing says which.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

from edgecnn.core.errors import DataError
from edgecnn.data.annotated import VOC, ImageIndex, annotation_format, voc_files
from edgecnn.data.box_orientation import annotated_example
from edgecnn.data.boxes import Box, Findings, box_data, image_size
from edgecnn.data.dataset import DataSet, FileExample
from edgecnn.data.layout import TRAIN, VALIDATION, split_named
from edgecnn.data.listing import printable
from edgecnn.data.xml_tree import read_xml
from edgecnn.runtime.regular_file import read_regular

SYNTAX = "a folder with Pascal VOC annotations, an .xml file per image"
_MOST_LIST_BYTES = 64 << 20


def accepts(spec: str) -> bool:
    """Whether the path is a folder with such annotations."""
    found = annotation_format(spec)
    return found is not None and found[0] == VOC


def open_data(spec: str) -> DataSet:
    """Read all annotations; an image without an XML file is left out: nobody said that it shows nothing.

    Raises:
        DataError: a file is damaged, an image is ambiguous, or there are no boxes.
    """
    _, root = annotation_format(spec) or ("", Path(spec))
    index, findings = ImageIndex(root), Findings()
    files = voc_files(root)
    found = {path: example for path in files if (example := _example(path, index, findings))}
    notes = [*findings.notes(spec)]
    unlisted = len(index.paths) - len({example.path for example in found.values()})
    if unlisted:
        notes.append(f"{spec}: {unlisted} images have no annotations and are left out.")
    if len({example.name for example in found.values()}) < len(found):
        raise DataError(f"{spec}: two of the {len(files)} .xml files are of the same image; expected one per image.")
    classes = {box.label for example in found.values() for box in example.annotation.boxes}
    lists = _lists(root, {path.stem for path in found})
    data = box_data(spec, found.values(), classes, notes)
    splits = _splits(data, found, lists)
    unlike = _unlike_lists(spec, lists, found) if splits else []
    return dataclasses.replace(data, splits=splits, notes=(*data.notes, *unlike))


def _example(path: Path, index: ImageIndex, findings: Findings) -> FileExample | None:
    root = read_xml(path)
    if root.tag != "annotation":
        return None
    image = _image(root, path, index)
    if image is None:
        findings.add("annotations are of images that aren't there", printable(path.name))
        return None
    boxes = [_box(each, path) for each in root.iter("object")]
    return annotated_example(image, index.root, boxes, _size(root, image), findings)


def _image(root: Element, path: Path, index: ImageIndex) -> Path | None:
    """The image that the file names; where that is missing, one whose name differs in the suffix only."""
    named = (root.findtext("filename") or "").strip()
    found = index.find(named, path) if named else None
    if found is not None and found.stem == path.stem:
        return found
    return index.beside(path) or found


def _size(root: Element, image: Path) -> tuple[float, float]:
    """Width and height as they are written; of the image itself where they are missing or 0, as some programs do."""
    try:
        size = float(root.findtext("size/width") or 0), float(root.findtext("size/height") or 0)
    except ValueError:
        size = (0.0, 0.0)
    return size if min(size) > 0 else image_size(image) or (0.0, 0.0)


def _box(each: Element, path: Path) -> Box:
    label = printable((each.findtext("name") or "").strip())
    try:
        corners = [float(each.findtext(f"bndbox/{key}") or "") for key in ("xmin", "ymin", "xmax", "ymax")]
    except ValueError as error:
        raise DataError(f"{path}: an object {label!r} has no bndbox with numbers: {printable(str(error))}.") from error
    if not label:
        raise DataError(f"{path}: an object has no name; expected its class.")
    difficult = (each.findtext("difficult") or "0").strip() not in ("0", "Unspecified", "")
    return Box(label, (corners[0], corners[1], corners[2], corners[3]), difficult=difficult)


def _unlike_lists(spec: str, lists: list[tuple[str, set[str]]], found: dict[Path, FileExample]) -> list[str]:
    """What `ImageSets/Main` lists and isn't there, and the other way around."""
    listed, there = {stem for _, stems in lists for stem in stems}, {path.stem for path in found}
    notes = []
    if listed - there:
        first = printable(min(listed - there))
        notes.append(f"{spec}: {len(listed - there)} images that ImageSets lists aren't there, the first is {first}.")
    if listed and there - listed:
        first = printable(min(there - listed))
        notes.append(
            f"{spec}: {len(there - listed)} images are in no list of ImageSets and are left out, {first} first."
        )
    return notes


def _splits(data: DataSet, found: dict[Path, FileExample], lists: list[tuple[str, set[str]]]) -> dict[str, DataSet]:
    """As `ImageSets/Main` lists them, or as the folders of the images are called."""
    if lists:
        members = {split: [each for path, each in found.items() if path.stem in stems] for split, stems in lists}
    else:
        folders = {path: split_named(path.parent.name) for path in found}
        named = sorted({split for split in folders.values() if split})
        members = {split: [found[path] for path, its in folders.items() if its == split] for split in named}
    parts = {split: sorted(each, key=lambda one: one.name) for split, each in members.items() if each}
    if lists and (not parts or (TRAIN in dict(lists) and TRAIN not in parts)):
        split, stems = next(each for each in lists if each[0] not in parts)
        raise DataError(
            f"{data.name}: none of the {len(stems)} {split} images that ImageSets/Main lists is there; the first is "
            f"{printable(min(stems, default=''))!r}. Expected names of annotated images, one per line. Correct the "
            "list, or remove the folder ImageSets."
        )
    if TRAIN not in parts and not lists:
        return {}
    return {split: data.with_examples(examples) for split, examples in parts.items()}


def _lists(root: Path, there: set[str]) -> list[tuple[str, set[str]]]:
    """Split and names of its images; `trainval` is for training where no `train` is there.

    Args:
        root: folder with `ImageSets`.
        there: names of the annotated images, without suffix.
    """
    found: dict[str, set[str]] = {}
    for path in sorted((root / "ImageSets" / "Main").glob("*.txt")):
        split = TRAIN if path.stem == "trainval" else split_named(path.stem)
        if split and not (path.stem == "trainval" and split in found):
            try:
                text = read_regular(path, _MOST_LIST_BYTES).decode("utf-8-sig", "replace")
            except OSError as error:
                raise DataError(f"Can't read the list {path}: {error.strerror}.") from error
            found[split] = {_stem(line.strip(), there) for line in text.splitlines() if line.strip()}
    order = (TRAIN, VALIDATION)
    return sorted(found.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))


def _stem(line: str, there: set[str]) -> str:
    """The name in a line of a list, which may have blanks, a suffix, a folder, or a flag of a class behind it."""
    names = (line, line.split()[0])
    forms = [form for name in names for form in (name, PurePosixPath(name).stem)]
    return next((form for form in forms if form in there), line)

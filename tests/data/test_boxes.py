"""Boxes as COCO, Pascal VOC, YOLO and tables annotate them: read alike, told apart from classes, named where wrong."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgecnn.core.errors import DataError, UsageError
from edgecnn.data import open_data
from edgecnn.data.box_pictures import draw_boxes
from edgecnn.data.boxes import Boxes
from edgecnn.data.kind import data_kinds, kind_of

WIDTH, HEIGHT = 40, 30
OBJECTS = {"a.png": [("cat", 4, 3, 20, 18), ("dog", 10, 6, 30, 27)], "b.png": [("dog", 0, 0, 40, 30)], "c.png": []}


def write_images(folder: Path, names: Any = OBJECTS) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((HEIGHT, WIDTH, 3), 40 * number, np.uint8))


def coco(objects: Any = OBJECTS, **changes: Any) -> dict[str, Any]:
    """What COCO's file says of these objects."""
    images = [{"id": 7 + n, "file_name": name, "width": WIDTH, "height": HEIGHT} for n, name in enumerate(objects)]
    rows = [(7 + n, box) for n, boxes in enumerate(objects.values()) for box in boxes]
    annotations = [
        {"id": n, "image_id": image, "category_id": 3 if label == "cat" else 5, "iscrowd": 0,
         "bbox": [x0, y0, x1 - x0, y1 - y0]}
        for n, (image, (label, x0, y0, x1, y1)) in enumerate(rows)
    ]  # fmt: skip
    categories = [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}]
    return {"images": images, "annotations": annotations, "categories": categories, **changes}


def voc(name: str, boxes: Any, size: tuple[int, int] = (WIDTH, HEIGHT), flag: int = 0) -> str:
    """What Pascal VOC's file says of an image."""
    objects = "".join(
        f"<object><name>{label}</name><difficult>{flag}</difficult><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
        f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for label, x0, y0, x1, y1 in boxes
    )
    return (
        f"<annotation><filename>{name}</filename><size><width>{size[0]}</width><height>{size[1]}</height></size>"
        f"{objects}</annotation>"
    )


def yolo(boxes: Any) -> str:
    """The lines of YOLO's file of an image."""
    return "".join(
        f"{label == 'dog':d} {(x0 + x1) / 2 / WIDTH} {(y0 + y1) / 2 / HEIGHT} "
        f"{(x1 - x0) / WIDTH} {(y1 - y0) / HEIGHT}\n"
        for label, x0, y0, x1, y1 in boxes
    )


def make(kind: str, folder: Path) -> Path:
    """The same objects in one of the formats; returns what a person would give as DATA."""
    if kind == "coco":
        write_images(folder / "images")
        (folder / "annotations").mkdir()
        (folder / "annotations" / "instances_default.json").write_text(json.dumps(coco()))
    elif kind == "voc":
        write_images(folder / "JPEGImages")
        (folder / "Annotations").mkdir()
        for name, boxes in OBJECTS.items():
            (folder / "Annotations" / name).with_suffix(".xml").write_text(voc(name, boxes))
    elif kind == "yolo":
        write_images(folder / "images")
        (folder / "labels").mkdir()
        (folder / "data.yaml").write_text("train: images\nnc: 2\nnames: ['cat', 'dog']\n")
        for name, boxes in OBJECTS.items():
            (folder / "labels" / name).with_suffix(".txt").write_text(yolo(boxes))
        (folder / "labels" / "c.txt").unlink()
    else:
        write_images(folder)
        rows = [f"{name},{','.join(map(str, box))}" for name, boxes in OBJECTS.items() for box in boxes]
        lines = ["filename,class,xmin,ymin,xmax,ymax", *rows, "c.png,,,,,"]
        (folder / "boxes.csv").write_text("\n".join(lines))
        return folder / "boxes.csv"
    return folder


KINDS = {"coco": "coco", "voc": "voc", "yolo": "yolo", "table": "table_of_boxes"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_objects_in_every_format(tmp_path: Path, kind: str) -> None:
    spec = make(kind, tmp_path / "data")
    assert [each.__name__.rpartition(".")[2] for each in data_kinds() if each.accepts(str(spec))] == [KINDS[kind]]
    data = open_data(str(spec))
    assert (data.task, data.classes, len(data)) == ("detection", ("cat", "dog"), 3)
    for example in data.examples:
        found = example.annotation
        assert isinstance(found, Boxes) and (found.width, found.height) == (WIDTH, HEIGHT)
        assert example.label is None and example.read().shape == (HEIGHT, WIDTH, 3)
        wanted = OBJECTS[Path(example.name).name]
        assert [box.label for box in found.boxes] == [row[0] for row in wanted]
        assert np.allclose([box.corners for box in found.boxes] or [[]], [row[1:] for row in wanted] or [[]], atol=1e-3)
    assert any("1 of 3 images have no boxes" in note for note in data.notes)


@pytest.mark.parametrize("kind", ["coco", "voc", "yolo"])
def test_in_an_archive(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
    make(kind, tmp_path / "data")
    data = open_data(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "data"))
    assert data.classes == ("cat", "dog") and len(data) == 3 and data.name.endswith("packed.zip")


def test_folders_of_classes_stay_what_they_are(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        write_images(tmp_path / name)
    (tmp_path / "notes.json").write_text('{"author": "me", "images taken": 6}')
    (tmp_path / "settings.yaml").write_text("camera: left\n")
    (tmp_path / "cat" / "readme.txt").write_text("my cat")
    assert [each.__name__.rpartition(".")[2] for each in data_kinds() if each.accepts(str(tmp_path))] == ["folder"]
    assert open_data(str(tmp_path)).classes == ("cat", "dog")


def test_splits(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):  # as Roboflow exports COCO
        write_images(tmp_path / "roboflow" / split)
        categories = [
            {"id": 0, "name": "pets", "supercategory": "none"},
            {"id": 3, "name": "cat", "supercategory": "pets"},
            {"id": 5, "name": "dog", "supercategory": "pets"},
        ]
        text = json.dumps(coco(categories=categories))
        (tmp_path / "roboflow" / split / "_annotations.coco.json").write_text(text)
    data = open_data(str(tmp_path / "roboflow"))
    assert data.classes == ("cat", "dog") and len(data) == 9
    assert {name: len(each) for name, each in data.splits.items()} == {"train": 3, "validation": 3, "test": 3}
    make("voc", tmp_path / "voc")
    (tmp_path / "voc" / "ImageSets" / "Main").mkdir(parents=True)
    for name, stems in (("train", "a\nb\n"), ("val", "c\n"), ("trainval", "a\nb\nc\n"), ("cat_train", "a 1\n")):
        (tmp_path / "voc" / "ImageSets" / "Main" / f"{name}.txt").write_text(stems)
    assert {name: len(each) for name, each in open_data(str(tmp_path / "voc")).splits.items()} == {
        "train": 2, "validation": 1}  # fmt: skip
    for split in ("train", "valid"):  # as Roboflow exports YOLO
        make("yolo", tmp_path / "yolo" / split)
        (tmp_path / "yolo" / split / "data.yaml").unlink()
    (tmp_path / "yolo" / "data.yaml").write_text(
        "train: ../train/images  # of Roboflow\nval: ../valid/images\nnames:\n  0: cat\n  1: 'dog'\nroboflow:\n  a: b\n"
    )
    for spec in (tmp_path / "yolo", tmp_path / "yolo" / "data.yaml"):
        data = open_data(str(spec))
        assert data.classes == ("cat", "dog")
        assert {name: len(each) for name, each in data.splits.items()} == {"train": 3, "validation": 3}


def test_flags(tmp_path: Path) -> None:
    """A crowd of COCO and a difficult object of VOC are kept, and don't count."""
    values = coco()
    values["annotations"][0]["iscrowd"] = 1
    write_images(tmp_path / "c")
    (tmp_path / "c" / "a.json").write_text(json.dumps(values))
    boxes = open_data(str(tmp_path / "c" / "a.json")).examples[0].annotation
    assert [box.crowd for box in boxes.boxes] == [True, False] and boxes.labels == ("dog",)
    make("voc", tmp_path / "v")
    (tmp_path / "v" / "Annotations" / "b.xml").write_text(voc("b.png", OBJECTS["b.png"], flag=1))
    boxes = open_data(str(tmp_path / "v")).examples[1].annotation
    assert [box.difficult for box in boxes.boxes] == [True] and boxes.labels == ()


@pytest.mark.parametrize(
    ("corners", "note", "left"),
    [
        ((-9, 3, 20, 18), "reach beyond their image and are clipped", [(0, 3, 20, 18)]),
        ((4, 3, 40.9, 18), "", [(4, 3, 40, 18)]),
        ((20, 3, 4, 18), "inverted boxes are left out", []),
        ((4, 3, 4, 18), "empty boxes are left out", []),
        ((50, 3, 60, 18), "outside boxes are left out", []),
        ((4, 3, "nan", 18), "infinite boxes are left out", []),
        ((4, 3, 5, 18), "have a side of less than 2 pixels", [(4, 3, 5, 18)]),
    ],
)
def test_wrong_boxes_are_named(tmp_path: Path, corners: Any, note: str, left: Any) -> None:
    make("voc", tmp_path)
    (tmp_path / "Annotations" / "a.xml").write_text(voc("a.png", [("cat", *corners)]))
    data = open_data(str(tmp_path))
    assert [box.corners for box in data.examples[0].annotation.boxes] == left
    named = [each for each in data.notes if "a.png" in each]
    assert len(named) == bool(note) and all(note in each for each in named)


def test_duplicates_are_named(tmp_path: Path) -> None:
    make("voc", tmp_path)
    (tmp_path / "Annotations" / "a.xml").write_text(voc("a.png", 2 * OBJECTS["a.png"][:1]))
    data = open_data(str(tmp_path))
    assert len(data.examples[0].annotation.boxes) == 1
    assert any("1 duplicate boxes are left out: JPEGImages/a.png" in note for note in data.notes)


BOMB = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><annotation>&y;</annotation>'
OUTER = '<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "it has a document type"),
        (OUTER, "it has a document type"),
        ("<annotation>" + "<a>" * 2000, "nested deeper than 32"),
        ("<annotation><object>", "no element found"),
        (voc("a.png", [("cat", 1, "x", 3, 4)]), "no bndbox with numbers"),
        (voc("a.png", [("", 1, 2, 3, 4)]), "has no name"),
    ],
)
def test_xml_of_strangers(tmp_path: Path, text: str, reason: str) -> None:
    make("voc", tmp_path)
    (tmp_path / "Annotations" / "a.xml").write_text(text)
    with pytest.raises(DataError, match=reason) as refused:
        open_data(str(tmp_path))
    assert "a.xml" in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        {"annotations": [{"image_id": 7, "category_id": 3, "bbox": [1, 2]}]},
        {"annotations": {"a": 1}},
        {"categories": [{"id": 3}]},
        {"images": 3},
    ],
)
def test_damaged_json_is_one_sentence(tmp_path: Path, change: Any) -> None:
    write_images(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(coco(**change)))
    with pytest.raises(DataError, match="not COCO's format"):
        open_data(str(tmp_path / "a.json"))


@pytest.mark.parametrize(("part", "key"), [("annotations", "bbox"), ("images", "width")])
def test_a_number_without_end_is_one_sentence(tmp_path: Path, part: str, key: str) -> None:
    write_images(tmp_path)
    values = coco()
    values[part][0][key] = [int("9" * 400), 0, 1, 1] if key == "bbox" else int("9" * 400)
    (tmp_path / "a.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match="is not COCO's format"):
        open_data(str(tmp_path))


def test_other_files_are_refused(tmp_path: Path) -> None:
    write_images(tmp_path)
    for name, text, reason in (
        ("a.json", "[1, 2", "not valid JSON"),
        ("b.json", '{"a": 1}', "not COCO's format"),
        ("c.csv", "path,label,xmin,ymin,xmax,ymax\na.png,cat,1,2,three,4\n", "line 2: .*three"),
        ("d.csv", "path,label,xmin,ymin,xmax,ymax\nz.png,cat,1,2,3,4\n", "1 of 1 files don't exist"),
        ("e.csv", "path,label,xmin,ymin,xmax,ymax\na.png,,1,2,3,4\n", "the label is empty"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match=reason):
            open_data(str(tmp_path / name))
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DataError, match="named pipe"):
        open_data(str(tmp_path / "pipe.json"))


@pytest.mark.parametrize(("line", "reason"), [("7 0.5 0.5 0.1 0.1", "class is 7"), ("0 0.5 0.5", "2 numbers"),
                                              ("0 a b c d", "could not convert"),
                                              ("1e999 0.5 0.5 0.1 0.1", "infinity")])  # fmt: skip
def test_damaged_lines_of_yolo(tmp_path: Path, line: str, reason: str) -> None:
    make("yolo", tmp_path)
    (tmp_path / "labels" / "a.txt").write_text(f"0 0.5 0.5 0.1 0.1\n{line}\n")
    with pytest.raises(DataError, match=rf"a\.txt, line 2.*{reason}"):
        open_data(str(tmp_path))


def test_polygons_of_yolo_become_boxes(tmp_path: Path) -> None:
    make("yolo", tmp_path)
    (tmp_path / "labels" / "a.txt").write_text("0 0.1 0.2 0.5 0.2 0.3 0.8\n")
    (box,) = open_data(str(tmp_path)).examples[0].annotation.boxes
    assert np.allclose(box.corners, (4, 6, 20, 24))


REAL = Path(os.environ.get("EDGECNN_SHARED", "/nonexistent")) / "data" / "detection"


@pytest.mark.skipif(not REAL.is_dir(), reason="the collection of real data is not at hand")
@pytest.mark.parametrize(
    ("name", "kind", "images", "classes", "boxes"),
    [("bccd", "voc", 292, 3, 3941), ("raccoon", "voc", 160, 1, 171), ("coco", "coco", 128, 80, 929)],
)
def test_real_sets(name: str, kind: str, images: int, classes: int, boxes: int) -> None:
    """Counted with `grep -c '<object>'` (bccd has 3,943, two of them of width 0) and with the JSON's annotations (10 of
    939 are crowds)."""
    found = kind_of(str(REAL / name))
    assert found is not None and found.__name__.endswith(kind)  # type: ignore[attr-defined]
    data = open_data(str(REAL / name))
    assert (len(data), len(data.classes)) == (images, classes)
    assert sum(len(example.annotation.labels) for example in data.examples) == boxes


def test_an_image_that_cannot_be_read_is_left_out_of_yolo(tmp_path: Path) -> None:
    """Without its size nothing is known of its boxes."""
    folder = make("yolo", tmp_path)
    (folder / "images" / "a.png").write_bytes(b"no image")
    data = open_data(str(folder))
    assert [example.path.name for example in data.examples] == ["b.png", "c.png"]
    assert any("images have no readable header and are left out" in note for note in data.notes)


def test_names_of_yolo_may_hold_a_number_sign(tmp_path: Path) -> None:
    folder = make("yolo", tmp_path)
    (folder / "data.yaml").write_text("train: images  # it's 'here'\nnc: 2\nnames: ['sign #1', \"b # c\"]  # two\n")
    assert set(open_data(str(folder)).classes) == {"sign #1", "b # c"}


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("['cat, big', 'dog', 'eel']", ["cat, big", "dog", "eel"]),
        ("[no, 010]", ["no", "010"]),
        ('["caf\\u00e9", "a \\"b\\""]', ["caf\u00e9", 'a "b"']),
        ("\n- cat: tabby\n- dog\n", ["", "dog"]),
        ("\n  1: 'dog, big'\n  0: 1e3\n", ["1e3", "dog, big"]),
    ],
)
def test_names_of_yolo_are_as_they_are_written(tmp_path: Path, text: str, classes: list[str]) -> None:
    folder = make("yolo", tmp_path)
    (folder / "data.yaml").write_text(f"train: images\nnames: {text}\n")
    assert sorted(open_data(str(folder)).classes) == sorted(classes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("names: [cat, dog\n", r"is no YAML: line 2: expected ',' or '\]'"),
        ("names: [cat, dog]\n- 3\n", "is no YAML: line 2: "),
        ("names: " + "[" * 5000, "is no YAML"),
    ],
)
def test_a_damaged_data_yaml_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    folder = make("yolo", tmp_path)
    (folder / "data.yaml").write_text(text)
    with pytest.raises(DataError, match=said):
        open_data(str(folder))


def test_an_annotation_without_a_name_is_of_the_image_next_to_it(tmp_path: Path) -> None:
    """Both splits have images of the same names, as cameras give them."""
    for split, corners in (("train", (4, 3, 20, 18)), ("val", (10, 6, 30, 27))):
        write_images(tmp_path / split, ["0001.png"])
        (tmp_path / split / "0001.xml").write_text(voc("", [("cat", *corners)]))
    found = {
        example.path.parent.name: example.annotation.boxes[0].corners for example in open_data(str(tmp_path)).examples
    }
    assert found["train"][0] < found["val"][0]


def test_keypoints_of_yolo_are_no_polygon(tmp_path: Path) -> None:
    """Of a pose data set the first four numbers are the box; ten keypoints of three numbers would pass as a polygon."""
    make("yolo", tmp_path)
    (tmp_path / "data.yaml").write_text("train: images\nkpt_shape: [2, 3]\nnames: ['cat', 'dog']\n")
    (tmp_path / "labels" / "a.txt").write_text("1 0.5 0.5 0.2 0.1 0.9 0.9 2 0.1 0.1 0\n")
    (box,) = open_data(str(tmp_path)).examples[0].annotation.boxes
    assert np.allclose(box.corners, (16, 13.5, 24, 16.5))


def yolo_splits(folder: Path, splits: tuple[str, ...], text: str) -> Path:
    for split in splits:
        make("yolo", folder / split)
        (folder / split / "data.yaml").unlink()
    (folder / "data.yaml").write_text(f"names: [cat, dog]\n{text}")
    return folder


def test_validation_images_of_yolo_are_never_taken_for_training(tmp_path: Path) -> None:
    folder = yolo_splits(tmp_path, ("trains", "valid"), "train: ../train/images\nval: ../valid/images\n")
    with pytest.raises(DataError, match=r"data.yaml says train: ../train/images, and there are no images"):
        open_data(str(folder))


def test_splits_of_yolo_without_images_are_named(tmp_path: Path) -> None:
    folder = yolo_splits(tmp_path, ("train",), "train: ../train/images\nval: ../valid/images\n")
    data = open_data(str(folder))
    assert len(data) == 3
    assert any("1 splits of data.yaml have no images: val: ../valid/images" in note for note in data.notes)


def test_what_yolo_lists_and_labels_without_an_image_is_named(tmp_path: Path) -> None:
    make("yolo", tmp_path)
    (tmp_path / "data.yaml").write_text("names: [cat, dog]\ntrain: train.txt\n")
    (tmp_path / "train.txt").write_text("./images/a.png\nimages/gone.png\n\nimages/b.png\n")
    for name in ("gone", "classes"):
        (tmp_path / "labels" / f"{name}.txt").write_text("cat\n")
    data = open_data(str(tmp_path))
    assert [example.path.name for example in data.examples] == ["a.png", "b.png"]
    assert any("1 images that train.txt lists aren't there: images/gone.png" in note for note in data.notes)
    assert any("1 label files are of images that aren't there: gone.txt" in note for note in data.notes)


def test_annotations_of_images_that_coco_does_not_list_are_named(tmp_path: Path) -> None:
    write_images(tmp_path)
    values = coco()
    values["annotations"][0]["image_id"] = "a-17"
    (tmp_path / "a.json").write_text(json.dumps(values))
    assert any("image_ids of annotations are of no image in `images`" in note and "a-17" in note
               for note in open_data(str(tmp_path)).notes)  # fmt: skip


def test_what_coco_s_exporters_write_otherwise(tmp_path: Path) -> None:
    """Ids as texts, no sizes, two categories of a name; a category that isn't declared is named."""
    write_images(tmp_path)
    values = coco()
    for annotation in values["annotations"]:
        annotation["image_id"] = str(annotation["image_id"])
    for image in values["images"]:
        del image["width"], image["height"]
    values["categories"].append({"id": 9, "name": "dog"})
    (tmp_path / "a.json").write_text(json.dumps(values))
    data = open_data(str(tmp_path))
    assert sum(len(example.annotation.boxes) for example in data.examples) == 3
    assert data.examples[0].annotation.width == WIDTH
    assert any("several categories are called dog; they are one class" in note for note in data.notes)
    values["annotations"][0]["category_id"] = 0
    (tmp_path / "a.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match="annotation 0 has the category_id 0; categories declares 3, 5, 9"):
        open_data(str(tmp_path))


@pytest.mark.parametrize("kind", ["coco", "voc"])
def test_shares_instead_of_pixels_are_refused(tmp_path: Path, kind: str) -> None:
    make(kind, tmp_path)
    if kind == "coco":
        path = tmp_path / "annotations" / "instances_default.json"
        values = json.loads(path.read_text())
        for annotation in values["annotations"]:
            annotation["bbox"] = [0.1, 0.2, 0.3, 0.4]
        path.write_text(json.dumps(values))
    else:
        for name, boxes in OBJECTS.items():
            text = voc(name, [(label, 0.1, 0.2, 0.6, 1.0) for label, *_ in boxes])
            (tmp_path / "Annotations" / name).with_suffix(".xml").write_text(text)
    with pytest.raises(DataError, match=r"boxes is beyond 1.05 pixels; they seem to be shares"):
        open_data(str(tmp_path))


def test_what_voc_lists_otherwise_is_named(tmp_path: Path) -> None:
    make("voc", tmp_path)
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_text("a\ngone\n")
    data = open_data(str(tmp_path))
    assert {name: len(each) for name, each in data.splits.items()} == {"train": 1}
    assert any("1 images that ImageSets lists aren't there, the first is gone" in note for note in data.notes)
    assert any("2 images are in no list of ImageSets and are left out, b first" in note for note in data.notes)


@pytest.mark.parametrize(
    "lines", ["\ufeffa\r\nb d\r\n", "a.png\nb d.png", "JPEGImages/a.png\nJPEGImages/b d.png\n", "a -1\nb d"]
)
def test_lists_of_voc_as_people_write_them(tmp_path: Path, lines: str) -> None:
    """With a suffix, a folder, blanks in names, a flag as in the lists of one class, a BOM."""
    make("voc", tmp_path)
    for path in (tmp_path / "JPEGImages" / "b.png", tmp_path / "Annotations" / "b.xml"):
        path.rename(path.with_stem("b d"))
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_bytes(lines.encode())
    (tmp_path / "ImageSets" / "Main" / "val.txt").write_text("c\n")
    data = open_data(str(tmp_path))
    assert {name: len(each) for name, each in data.splits.items()} == {"train": 2, "validation": 1}
    assert not any("ImageSets" in note for note in data.notes)


def test_a_list_of_voc_of_which_nothing_is_there_is_refused(tmp_path: Path) -> None:
    make("voc", tmp_path)
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_text("x1\nx2\n")
    with pytest.raises(DataError, match=r"none of the 2 train images that ImageSets/Main lists is there.*'x1'"):
        open_data(str(tmp_path))
    (tmp_path / "ImageSets" / "Main" / "train.txt").unlink()
    (tmp_path / "ImageSets" / "Main" / "test.txt").write_text("a\n")
    assert [*open_data(str(tmp_path)).splits] == ["test"]  # which is never trained on


def test_upper_case_and_files_side_by_side(tmp_path: Path) -> None:
    """Annotations as cameras' programs name them, and as labelImg writes those of YOLO."""
    folder = make("voc", tmp_path / "voc")
    for path in [*folder.rglob("*.xml")]:
        path.rename(path.with_suffix(".XML"))
    assert len(open_data(str(folder))) == 3 and open_data(str(folder)).classes == ("cat", "dog")
    beside = tmp_path / "beside"
    write_images(beside)
    (beside / "classes.txt").write_text("cat\ndog\n")
    for name, boxes in OBJECTS.items():
        (beside / name).with_suffix(".txt").write_text(yolo(boxes))
    found = open_data(str(beside))
    assert found.task == "detection" and found.classes == ("cat", "dog") and len(found) == 3


@pytest.mark.parametrize("columns", ["x,y,w,h", "x,y,width,height", "xmin,ymin,width,height", "x_center,y_center,w,h"])
def test_a_table_of_boxes_is_never_one_of_classes(tmp_path: Path, columns: str) -> None:
    """Left and top, or the center: only the one who wrote it knows."""
    write_images(tmp_path)
    (tmp_path / "t.csv").write_text(f"path,label,{columns}\na.png,cat,4,3,16,15\nb.png,dog,0,0,9,9\n")
    with pytest.raises(DataError, match=r"seems to have boxes, in .*expected the columns path,label,xmin,ymin,xmax"):
        open_data(str(tmp_path / "t.csv"))


def test_a_column_of_boxes_is_refused(tmp_path: Path) -> None:
    write_images(tmp_path)
    (tmp_path / "t.csv").write_text('path,bbox,label\na.png,"[4, 3, 16, 15]",cat\nb.png,"[0, 0, 9, 9]",dog\n')
    with pytest.raises(DataError, match="seems to have boxes, in bbox"):
        open_data(str(tmp_path / "t.csv"))


def test_a_table_in_shares(tmp_path: Path) -> None:
    write_images(tmp_path)
    (tmp_path / "t.csv").write_text(
        "path,label,xmin,ymin,xmax,ymax\na.png,cat,0.1,0.1,0.5,0.6\nb.png,cat,0,0,1,1\nc.png\n"
    )
    data = open_data(str(tmp_path / "t.csv"))
    assert [each.annotation.boxes[0].corners for each in data.examples[:2]] == [
        pytest.approx((4, 3, 20, 18)), (0, 0, 40, 30)]  # fmt: skip
    assert any("taken as shares of the image" in note for note in data.notes)


def test_shares_ask_for_no_size(tmp_path: Path) -> None:
    write_images(tmp_path)
    (tmp_path / "t.csv").write_text(
        "path,width,height,label,xmin,ymin,xmax,ymax\na.png,9,900,cat,0.1,0.1,0.5,0.6\nb.png,9,900,cat,0,0,1,1\n"
    )
    data = open_data(str(tmp_path / "t.csv"))
    assert data.examples[0].annotation.boxes[0].corners == pytest.approx((4, 3, 20, 18))
    assert not any("proportions" in note or "another size" in note for note in data.notes)


def test_a_table_that_says_the_size(tmp_path: Path) -> None:
    """Boxes of an image that was made smaller since; without a size they are of the image as it is."""
    write_images(tmp_path)
    (tmp_path / "t.csv").write_text(
        "path,width,height,label,xmin,ymin,xmax,ymax\na.png,80,60,cat,8,6,40,36\nb.png,,,cat,8,6,40,30\n"
    )
    found = [each.annotation.sizes() for each in open_data(str(tmp_path / "t.csv")).examples]
    assert found == [[(0.5, 0.4)], [(0.8, 0.8)]]


def test_nothing_is_drawn_into_the_data(tmp_path: Path) -> None:
    """The copies would be images of it from then on."""
    make("yolo", tmp_path / "set")
    with pytest.raises(UsageError, match="inside the data set"):
        draw_boxes(str(tmp_path / "set"), tmp_path / "set" / "images" / "look")
    assert len(draw_boxes(str(tmp_path / "set"), tmp_path / "look", most=2)) == 2
    assert len(open_data(str(tmp_path / "set"))) == 3

"""Folders of images as people have them: splits by any name, wrappers, litter, links, and files that are no images."""

from __future__ import annotations

import os
import shutil
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edgecnn.core.errors import DataError
from edgecnn.data import DataSet, open_data
from edgecnn.data.fitted import fitted
from edgecnn.data.layout import split_named
from edgecnn.data.report import Part, examine
from edgecnn.data.split import open_splits
from edgecnn.runtime.model.contract import Preprocessing

CLASSES = ("ant", "bee")


def image(seed: int) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8))


def write(folder: Path, count: int, classes: tuple[str, ...] = CLASSES) -> Path:
    """Images of these classes; flat with no classes."""
    for row, name in enumerate(classes or ("",)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            assert cv2.imwrite(
                str(folder / name / f"{number}.png"), image(zlib.crc32(f"{folder} {row} {number}".encode()))
            )
    return folder


def litter(root: Path) -> None:
    """What macOS, Windows and Jupyter leave behind."""
    for folder in ("__MACOSX/Training/ant", ".ipynb_checkpoints", "@eaDir"):
        (root / folder).mkdir(parents=True)
        cv2.imwrite(str(root / folder / "x.png"), image(0))
        (root / folder / "._0.png").write_bytes(b"x")
    for file in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (root / file).write_bytes(b"x")


def counts(root: Path) -> dict[str, int]:
    splits = open_splits(str(root), share=0.5).named()
    assert all(data.classes == CLASSES for data in splits.values())
    return {name: len(data) for name, data in splits.items()}


@pytest.mark.parametrize(
    ("train", "other", "is_test"),
    [
        ("Training", "Testing", True),
        ("Train", "Test", True),
        ("TRAIN", "TEST", True),
        ("train", "valid", False),
        ("train", "val", False),
        ("Train", "Validation", False),
        ("training_set", "test_set", True),
        ("seg_train", "seg_test", True),
        ("train2017", "val2017", False),
        ("train", "dev", False),
        ("trainset", "testset", True),
        ("Training Images", "Test Images", True),
        ("training", "evaluation", True),
    ],
)
@pytest.mark.parametrize("wrapped", ["", "data", "archive/my data"])
def test_splits_by_any_name_beside_litter(tmp_path: Path, train: str, other: str, is_test: bool, wrapped: str) -> None:
    root = tmp_path / "root" / wrapped
    write(root / train, 10)
    write(root / other, 3)
    litter(root)
    litter(tmp_path / "root") if wrapped else None
    found = counts(tmp_path / "root")
    assert found.pop("test", None) == (6 if is_test else None)
    assert sum(found.values()) == (20 if is_test else 26)
    assert is_test or found == {"train": 20, "validation": 6}


@pytest.mark.parametrize("prediction", ["pred", "predict", "seg_pred", "seg_pred/seg_pred", "Unlabeled"])
@pytest.mark.parametrize("images", [0, 4])
def test_images_without_labels_beside_splits_are_left_out(tmp_path: Path, prediction: str, images: int) -> None:
    write(tmp_path / "seg_train" / "seg_train", 10)
    write(tmp_path / "seg_test" / "seg_test", 3)
    write(tmp_path / prediction, images, ())
    assert counts(tmp_path)["test"] == 6
    notes = " ".join(open_data(str(tmp_path)).notes)
    assert ("ignored" in notes) == bool(images)


def test_a_flat_test_split_is_left_out_with_a_word(tmp_path: Path) -> None:
    write(tmp_path / "train", 10)
    write(tmp_path / "test", 4, ())
    assert "test" not in counts(tmp_path)
    assert "the folder test has no class folders" in open_data(str(tmp_path)).notes[0]


def test_all_three_splits_and_links_to_them(tmp_path: Path) -> None:
    for name, count in (("a", 10), ("b", 3), ("c", 2)):
        write(tmp_path / "elsewhere" / name, count)
    (tmp_path / "root").mkdir()
    for link, target in (("train", "a"), ("val", "b"), ("test", "c")):
        (tmp_path / "root" / link).symlink_to(tmp_path / "elsewhere" / target)
    assert counts(tmp_path / "root") == {"train": 20, "validation": 6, "test": 4}
    (tmp_path / "link").symlink_to(tmp_path / "root")
    assert counts(tmp_path / "link") == {"train": 20, "validation": 6, "test": 4}


def test_a_folder_of_splits_is_all_of_them_and_each_can_be_taken(tmp_path: Path) -> None:
    write(tmp_path / "Train", 5)
    write(tmp_path / "Test", 2)
    data = open_data(str(tmp_path))
    assert data.classes == CLASSES and len(data) == 14
    assert data.examples[0].name == "Test/ant/0.png" and data.examples[0].label == "ant"
    assert len(data.part("test", "validation")) == 4 and len(data.part("train")) == 10
    assert "has the splits train (10), test (4); its test images are used." in data.part("test").notes[0]
    assert data.part("validation") is data and not data.sample(3).splits


def test_one_split_alone(tmp_path: Path) -> None:
    write(tmp_path / "a" / "train", 10)
    assert sum(counts(tmp_path / "a").values()) == 20
    write(tmp_path / "b" / "test", 10)
    with pytest.raises(DataError, match="no training images"):
        open_splits(str(tmp_path / "b"))
    write(tmp_path / "c" / "pred", 4, ())
    assert open_data(str(tmp_path / "c")).classes == ()


@pytest.mark.parametrize(
    ("folders", "named"),
    [
        ({"ant": (), "bee": (), "test": ()}, "test"),
        ({"ant": (), "bee": (), "Val": ()}, "Val"),
        ({"ant": (), "bee": (), "pred": ()}, "pred"),
        ({"train": CLASSES, "test": CLASSES, "extra": CLASSES}, "extra"),
        ({"train": CLASSES, "test": CLASSES, "cat": ()}, "cat"),
        ({"train": CLASSES, "Training": CLASSES}, "Training, train are both a train split"),
        ({"train": CLASSES, "val": CLASSES, "valid": CLASSES}, "val, valid are both a validation split"),
        ({"train": (), "test": ()}, "expected class folders in test, train"),
        ({"train": (), "test": CLASSES}, "expected class folders in train"),
        ({"ant": ("train", "test"), "bee": ("train", "test")}, "each class folder holds test, train"),
    ],
)
def test_what_may_be_splits_or_classes_is_refused_by_name(
    tmp_path: Path, folders: dict[str, tuple[str, ...]], named: str
) -> None:
    for folder, classes in folders.items():
        write(tmp_path / folder, 3, classes)
    with pytest.raises(DataError, match=named) as error:
        open_data(str(tmp_path))
    assert "the columns path,label" in str(error.value) or "by its path" in str(error.value) or "inside" in str(error)


@pytest.mark.parametrize(
    "classes", [("bus", "car", "train"), ("invalid", "valid"), ("steam train", "tram"), ("test tube", "flask")]
)
def test_classes_whose_names_say_a_split(tmp_path: Path, classes: tuple[str, ...]) -> None:
    write(tmp_path, 2, classes)
    assert open_data(str(tmp_path)).classes == tuple(sorted(classes))


@pytest.mark.parametrize("name", ["training", "Train", "seg_train", "train-2", "images_train", "TRAINSET"])
def test_names_of_a_split(name: str) -> None:
    assert split_named(name) == "train"


@pytest.mark.parametrize("name", ["strain", "trainer", "contest", "steam train", "images", "n04335435", "7", ""])
def test_names_of_no_split(name: str) -> None:
    assert split_named(name) is None


def test_a_wrapper_is_no_class_and_a_class_with_folders_in_it_is_one(tmp_path: Path) -> None:
    write(tmp_path / "wrapped" / "flowers" / "all", 2)
    assert open_data(str(tmp_path / "wrapped")).classes == CLASSES
    write(tmp_path / "deep" / "ant" / "2019", 2, ())
    write(tmp_path / "deep" / "bee", 2, ())
    data = open_data(str(tmp_path / "deep"))
    assert data.classes == CLASSES and data.examples[0].name == "ant/2019/0.png"


def test_links_that_lead_back_end(tmp_path: Path) -> None:
    write(tmp_path, 2)
    (tmp_path / "ant" / "up").symlink_to(tmp_path)
    (tmp_path / "ant" / "here").symlink_to(tmp_path / "ant")
    (tmp_path / "bee" / "broken.png").symlink_to(tmp_path / "nothing.png")
    data = open_data(str(tmp_path))
    assert len(data) == 4
    assert "1 broken link" in data.notes[0]


def report_of(root: Path) -> list[str]:
    data = open_data(str(root))
    digests = data.digests()
    return examine({"train": Part(data, digests, fitted(data, digests, Preprocessing(8, 8)).survey)}, 8).warnings()


def test_files_that_are_passed_over_are_counted_by_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    write(tmp_path, 4)
    for number in range(3):
        shutil.copy(tmp_path / "ant" / "0.png", tmp_path / "ant" / f"IMG_{number}.HEIC")
    jpeg = cv2.imencode(".jpg", image(5))[1].tobytes()
    for suffix in ("jfif", "JPG", "jpe", "JPEG"):
        (tmp_path / "bee" / f"photo.{suffix}").write_bytes(jpeg)
    for name in ("a.CR2", "b.nef", "clip.MOV", "notes.txt", "list.csv", "README"):
        (tmp_path / "bee" / name).write_bytes(b"x")
    os.mkfifo(tmp_path / "bee" / "fifo.png")
    frames = [Image.fromarray(image(seed)) for seed in (1, 2)]
    frames[0].save(tmp_path / "ant" / "moving.gif", save_all=True, append_images=frames[1:])
    data = open_data(str(tmp_path))
    assert len(data) == 8 + 4 + 1
    text = "\n".join(report_of(tmp_path))
    assert "10 files passed over" in text
    for words in ("3 HEIC (to read: pip install pillow-heif)", "2 RAW", "1 video", "1 .txt file", "1 special file"):
        assert words in text
    assert "1 animated GIF: only the first frame is used: ant/moving.gif" in text


def test_a_folder_without_an_image_that_can_be_read_names_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "ant").mkdir()
    (tmp_path / "ant" / "a.cr2").write_bytes(b"x")
    with pytest.raises(DataError, match=r"no images that can be read.*1 RAW"):
        open_data(str(tmp_path))


def test_images_outside_of_the_class_folders_are_named(tmp_path: Path) -> None:
    write(tmp_path, 2)
    cv2.imwrite(str(tmp_path / "stray.png"), image(7))
    assert "1 image outside" in open_data(str(tmp_path)).notes[0]


def test_names_that_are_no_utf8_and_names_that_are_decomposed(tmp_path: Path) -> None:
    png = cv2.imencode(".png", image(1))[1].tobytes()
    for name in (b"caf\xe9", "cafe\u0301".encode()):
        (tmp_path / os.fsdecode(name)).mkdir()
        (tmp_path / os.fsdecode(name) / os.fsdecode(b"\xff.png")).write_bytes(png)
    data: DataSet = open_data(str(tmp_path))
    assert data.classes == ("caf\\xe9", "caf\u00e9")
    assert data.sample(1).digest() and [example.read().shape for example in data.examples] == [(8, 8, 3)] * 2

"""Folders and manifests: which images belong to them, and which of them a sample takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import DataError, UsageError
from edgecnn.data import DataSet, FileExample, class_indices, open_data
from edgecnn.data.boxes import Box, Boxes
from edgecnn.runtime.model.contract import Contract, Preprocessing


def manifest(folder: Path, *rows: str) -> str:
    """A manifest with these rows; the images are empty files, which no test here reads."""
    for row in rows:
        (folder / row.split(",")[0]).touch()
    (folder / "list.csv").write_text("\n".join(("path,label", *rows)))
    return str(folder / "list.csv")


def test_hidden_folders_hold_no_pictures(tmp_path: Path) -> None:
    root = tmp_path / ".hidden above"
    for name in ("cat/a.jpg", "cat/.ipynb_checkpoints/a.jpg", "cat/deep/.thumbs/b.jpg", "cat/deep/c.jpg", ".dog/d.jpg"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    assert [example.name for example in open_data(str(root)).examples] == ["cat/a.jpg", "cat/deep/c.jpg"]


def test_labels_are_given_to_all_or_to_none(tmp_path: Path) -> None:
    assert open_data(manifest(tmp_path, "a.jpg", "b.jpg")).classes == ()
    assert open_data(manifest(tmp_path, "a.jpg,ant", "b.jpg,bee")).classes == ("ant", "bee")
    with pytest.raises(DataError, match=r"2 of 3 images have no label \(the first is b\.jpg\)"):
        open_data(manifest(tmp_path, "a.jpg,ant", "b.jpg,", "c.jpg"))


def test_sample_takes_as_many_as_asked_for_though_a_manifest_repeats_a_picture(tmp_path: Path) -> None:
    data = open_data(manifest(tmp_path, "a.jpg,ant", "a.jpg,ant", "a.jpg,ant", "b.jpg,ant"))
    assert [len(data.sample(count)) for count in (1, 2, 3)] == [1, 2, 3]
    with pytest.raises(UsageError, match="at least 1"):
        data.sample(0)


def test_the_digest_tells_of_labels_boxes_and_splits(tmp_path: Path) -> None:
    before = open_data(manifest(tmp_path, "a.jpg,ant", "b.jpg,bee")).digest()
    assert open_data(manifest(tmp_path, "a.jpg,ant", "b.jpg,bee")).digest() == before
    assert open_data(manifest(tmp_path, "a.jpg,bee", "b.jpg,ant")).digest() != before
    boxes = [
        FileExample(tmp_path / "a.jpg", "a.jpg", None, Boxes(9, 9, (Box("ant", (0, 0, right, 9)),))) for right in (8, 9)
    ]
    assert DataSet("d", boxes[:1]).digest() != DataSet("d", boxes[1:]).digest()
    split = [DataSet("d", boxes[:1], splits={name: DataSet(name, boxes[:1])}) for name in ("train", "test")]
    assert split[0].digest() != split[1].digest()


def test_a_class_called_by_a_raised_digit_is_no_index(tmp_path: Path) -> None:
    data = open_data(manifest(tmp_path, "a.jpg,\u00b2", "b.jpg,1"))
    with pytest.raises(DataError, match="\u00b2"):
        class_indices(data, Contract(Preprocessing(4, 4), labels=("ant", "bee", "cat")))


def test_a_number_that_is_no_output_is_refused_and_keras_order_is_named(tmp_path: Path) -> None:
    data = open_data(manifest(tmp_path, *(f"{name}.jpg,{name}" for name in ("1", "2", "3", "10"))))
    unlabeled = Contract(Preprocessing(4, 4))
    assert class_indices(data, unlabeled, 11) == {"1": 1, "2": 2, "3": 3, "10": 10}
    with pytest.raises(DataError, match=r"class 10.*10 outputs are numbered 0 to 9.*Keras's order is 1, 10, 2, 3"):
        class_indices(data, unlabeled, 10)
    with pytest.raises(DataError, match="match none of the model's 3 labels: 10, 3"):
        class_indices(data, unlabeled.replace(labels=("ant", "bee", "cat")), 3)

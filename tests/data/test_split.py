"""Splits by content: stable, disjoint, and said by the data set where it says them."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecnn.core.errors import DataError, UsageError
from edgecnn.data import DataSet, open_data
from edgecnn.data.split import fraction, open_splits


def write(root: Path, numbers: range, classes: tuple[str, ...] = ("ant", "bee")) -> Path:
    """Tiny images whose content is their class and number."""
    for row, name in enumerate(classes):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in numbers:
            picture = np.random.default_rng((row, number)).integers(0, 256, (4, 4, 3), dtype=np.uint8)
            cv2.imwrite(str(root / name / f"{number}.png"), picture)
    return root


def names(data: DataSet) -> set[str]:
    return {example.name for example in data.examples}


def test_adding_pictures_moves_none(tmp_path: Path) -> None:
    root = write(tmp_path, range(40))
    before = open_splits(str(root), share=0.3)
    write(root, range(40, 90))
    after = open_splits(str(root), share=0.3)
    assert names(before.train) <= names(after.train)
    assert names(before.validation) <= names(after.validation)
    assert not names(after.train) & names(after.validation)
    assert 0.15 < len(after.validation) / 180 < 0.45


def test_renaming_moves_none_and_copies_stay_together(tmp_path: Path) -> None:
    root = write(tmp_path / "a", range(30))
    splits = open_splits(str(root), share=0.4)
    chosen = next(iter(sorted(names(splits.validation))))
    shutil.copy(root / chosen, root / "ant" / "copy.png")
    assert "ant/copy.png" in names(open_splits(str(root), share=0.4).validation)


def test_fraction_is_of_the_first_32_bits() -> None:
    assert fraction("80000000" + "f" * 56) == 0.5
    assert fraction("00000000" + "f" * 56) == 0.0


def test_a_folder_may_say_its_splits(tmp_path: Path) -> None:
    for split, numbers in (("train", range(8)), ("val", range(8, 12)), ("test", range(12, 15))):
        write(tmp_path / split, numbers)
    splits = open_splits(str(tmp_path))
    assert [len(splits.named()[name]) for name in ("train", "validation", "test")] == [16, 8, 6]
    given = open_splits(str(tmp_path), test=str(tmp_path / "val"))
    assert given.test is not None and len(given.test) == 8


def test_classes_called_train_and_test_are_classes_if_there_are_others(tmp_path: Path) -> None:
    write(tmp_path, range(20), ("train", "test", "bus"))
    assert open_splits(str(tmp_path), share=0.3).train.classes == ("bus", "test", "train")


def test_what_cannot_be_split_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "one", range(6), ("ant",))
    with pytest.raises(DataError, match="only the class ant"):
        open_splits(str(tmp_path / "one"))
    with pytest.raises(DataError, match="images without a label"):
        open_splits(str(tmp_path / "one" / "ant"))
    with pytest.raises(DataError, match="--validation-share"):
        open_splits(str(write(tmp_path / "few", range(1))), share=0.0001)
    with pytest.raises(UsageError, match=r"1\.5"):
        open_splits(str(tmp_path / "few"), share=1.5)


def test_the_parts_of_a_training_can_be_taken_by_name(tmp_path: Path) -> None:
    root = str(write(tmp_path / "whole", range(30)))
    splits = open_splits(root, share=0.3)
    held, trained = open_data(f"held-out/0.3:{root}"), open_data(f"training/0.3:{root}")
    assert held.examples == splits.validation.examples and trained.examples == splits.train.examples
    assert held.name == f"held-out/0.3:{root}" and held.classes == ("ant", "bee")
    assert open_data(f"held-out:{root}").digest() == open_splits(root).validation.digest()
    for split, numbers in (("train", range(8)), ("val", range(8, 12)), ("test", range(12, 15))):
        write(tmp_path / "splits" / split, numbers)
    assert len(open_data(f"held-out:{tmp_path / 'splits'}")) == 6
    with pytest.raises(DataError, match="'lots' is not a valid share"):
        open_data(f"held-out/lots:{root}")
    with pytest.raises(UsageError, match=r"share is 1\.5"):
        open_data(f"held-out/1.5:{root}")
    with pytest.raises(DataError, match="no data set 'nowhere'"):
        open_data("held-out:nowhere")

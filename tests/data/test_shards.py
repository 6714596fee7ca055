"""WebDataset shards: what is written is a plain tar, what is read is what the folder held; damage is named."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecnn.core.errors import DataError, UsageError
from edgecnn.data import open_data
from edgecnn.data.dataset import DataSet
from edgecnn.data.fitted import fitted
from edgecnn.data.shard_settings import ShardSettings
from edgecnn.data.shard_writing import write_shards
from edgecnn.data.split import open_splits
from edgecnn.runtime.model.contract import Preprocessing

INPUT = Preprocessing(16, 16)


def write_folder(root: Path, count: int = 12, classes: tuple[str, ...] = ("10 ants", "2 bees", "cat.s")) -> Path:
    random = np.random.default_rng(len(root.name))
    for number in range(count):
        path = root / classes[number % len(classes)] / f"a.b {number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), random.integers(0, 256, (20, 24, 3), dtype=np.uint8))
    return root


def make_tar(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def png(level: int = 7) -> bytes:
    return bytes(cv2.imencode(".png", np.full((8, 8, 3), level, np.uint8))[1])


def labels_by_digest(data: DataSet) -> dict[str, str | None]:
    return {digest: example.label for digest, example in zip(data.digests(), data.examples)}


def test_shards_hold_what_the_folder_held(tmp_path: Path) -> None:
    """Labels that look like numbers too; the split by content is the folder's."""
    folder = write_folder(tmp_path / "pictures", 60)
    written = write_shards(open_data(str(folder)), tmp_path / "shards", ShardSettings(size_mb=0.02))
    assert written.images == {"": 60} and len(written.files) > 2
    for name in written.files:
        with tarfile.open(tmp_path / "shards" / name) as archive:
            names = archive.getnames()
            numbers = [int(archive.extractfile(each).read()) for each in names if each.endswith(".cls")]  # type: ignore[union-attr]
        assert [Path(each).suffix for each in names] == [".png", ".cls"] * len(numbers)
        assert len(set(numbers)) > 1, "classes follow each other"
    shards, plain = open_data(str(tmp_path / "shards")), open_data(str(folder))
    assert shards.classes == plain.classes and labels_by_digest(shards) == labels_by_digest(plain)
    halves = [open_splits(str(place), share=0.4) for place in (folder, tmp_path / "shards")]
    assert set(halves[0].digests[1]) == set(halves[1].digests[1]) and len(halves[0].digests[1]) > 5
    train = halves[1].train
    one = fitted(train, halves[1].digests[0], INPUT)
    same = fitted(train, halves[1].digests[0], INPUT, images="cached")
    rows = np.array([5, 0, 7])
    assert (one.pictures[rows] == same.pictures[rows]).all() and "streamed" in one.note and not same.note
    assert (one.survey.sizes == same.survey.sizes).all() and (one.survey.hashes == same.survey.hashes).all()
    assert (one.survey.thumbnails_of(rows) == same.survey.thumbnails_of(rows)).all()
    assert one.groups is not None and set(one.groups) == set(range(len(written.files)))


def test_splits_are_kept_and_images_of_shards_can_be_written_again(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write_folder(tmp_path / "pictures" / split)
    write_shards(open_data(str(tmp_path / "pictures")), tmp_path / "one", ShardSettings())
    data = open_data(str(tmp_path / "one"))
    assert {split: len(part) for split, part in data.splits.items()} == {"train": 12, "validation": 12}
    write_shards(data, tmp_path / "two", ShardSettings(seed=1))
    again = open_data(str(tmp_path / "two")).splits["validation"]
    assert labels_by_digest(again) == labels_by_digest(data.splits["validation"])
    assert len(open_data(f"{tmp_path}/one/train-{{000000..000009}}.tar")) == 12
    assert len(open_data(f"{tmp_path}/one/*.tar").splits) == 2


def test_labels_by_others(tmp_path: Path) -> None:
    """A number, a name, JSON; samples in folders; names that lead outside harm nothing, for nothing is unpacked."""
    members = {
        **{"../../a/1.jpg": png(1), "../../a/1.cls": b"3\n"},
        **{"b/2.left.png": png(2), "b/2.json": b'{"label": 4, "x": null}', "b/2.txt": b"a caption"},
        **{"notes": b"passed over", "3.JPEG": png(3), "3.cls": "Bär".encode()},
    }
    data = open_data(str(make_tar(tmp_path / "s-0.tar", members)))
    assert [(example.label, int(example.read().mean())) for example in data.examples] == [
        ("3", 1),
        ("4", 2),
        ("Bär", 3),
    ]
    assert data.examples[1].name == "s-0.tar/b/2.left.png" and data.examples[-1].label == "Bär"


def test_a_tar_of_a_folder_is_no_shard(tmp_path: Path) -> None:
    folder = {f"{label}/{number}.png": png(number) for label in "ab" for number in range(3)}
    data = open_data(str(make_tar(tmp_path / "folder.tar", folder)))
    assert data.classes == ("a", "b") and isinstance(data.examples, tuple)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"1.png": png(), "1.cls": b"1", "2.png": png()}, "1 of 2 images have no label"),
        ({"1.png": png(), "1.json": b"{"}, "not valid JSON"),
        ({"1.png": png(), "1.cls": b"x" * (2 << 20)}, "expected a label"),
    ],
)
def test_labels_that_cannot_be(tmp_path: Path, members: dict[str, bytes], message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_data(str(make_tar(tmp_path / "a.tar", members)))


def test_damaged_shards_are_named(tmp_path: Path) -> None:
    make_tar(tmp_path / "a-0.tar", {"1.png": png(), "1.cls": b"1"})
    whole = make_tar(tmp_path / "a-1.tar", {f"{n}.png": png(n) * 100 for n in range(9)} | {"9.cls": b"1"})
    content = whole.read_bytes()
    for damaged in (content[:4000], content[:200], content[:512] + b"\xff" * 512 + content[1024:]):
        whole.write_bytes(damaged)
        with pytest.raises(DataError, match="a-1"):
            open_data(str(tmp_path))


def test_a_picture_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    make_tar(tmp_path / "a-0.tar", {"1.png": png(), "1.cls": b"1", "2.png": b"no image", "2.cls": b"2"})
    data = open_data(str(tmp_path))
    found = fitted(data, data.digests(), INPUT)
    assert list(found.survey.errors) == [1] and "a-0.tar/2.png" in found.survey.errors[1]
    with pytest.raises(DataError, match="can't be read any more"):
        found.pictures[np.array([1])]


def test_refusals(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "pictures")
    with pytest.raises(UsageError, match="not an empty folder"):
        write_shards(open_data(str(folder)), folder, ShardSettings())
    (tmp_path / "boxes.csv").write_text("path,label,xmin,ymin,xmax,ymax\npictures/10 ants/a.b 0.png,x,1,1,9,9\n")
    with pytest.raises(UsageError, match="boxes"):
        write_shards(open_data(str(tmp_path / "boxes.csv")), tmp_path / "out", ShardSettings())
    assert not (tmp_path / "out").exists()


def test_what_would_not_fit_is_streamed_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = open_data(str(write_folder(tmp_path / "pictures")))
    assert not fitted(data, data.digests(), INPUT).note
    monkeypatch.setattr("edgecnn.core.cache.has_room", lambda name, size_bytes: size_bytes < 12 * 17 * 17 * 3)
    found = fitted(data, data.digests(), Preprocessing(17, 17))
    assert "more than the cache can hold" in found.note and found.groups is None
    assert found.pictures[np.array([3])].shape == (1, 17, 17, 3)

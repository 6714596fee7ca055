"""A thoroughly corrupt data set: everything wrong is named, nothing crashes, the good images are decoded."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecnn.core.errors import DataError
from edgecnn.data import open_data
from edgecnn.data.examination import examine_data
from edgecnn.data.fitted import fitted, survey_of
from edgecnn.data.look_alikes import look_alikes
from edgecnn.data.report import DataReport, Part, examine
from edgecnn.data.settings import SplitSettings
from edgecnn.data.survey import Survey, difference_hash
from edgecnn.runtime.model.contract import Preprocessing
from edgecnn.runtime.run.preprocess import fit, read_picture

INPUT = Preprocessing(32, 32)


def photo(seed: int, height: int = 60, width: int = 80) -> np.ndarray:
    """Smooth color, like a photograph and unlike other seeds."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def part(folder: Path) -> Part:
    data = open_data(str(folder))
    digests = data.digests()
    return Part(data, digests, fitted(data, digests, INPUT).survey)


@pytest.fixture()
def not_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder; root, who may read everything, is an ordinary user while the test runs."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # pytest's folders are closed to other users
        monkeypatch.setenv("EDGECNN_CACHE", f"{folder}/cache")
        monkeypatch.setattr(tempfile, "tempdir", folder)
        if user == 0:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        yield Path(folder)
        os.seteuid(user)


@pytest.fixture()
def corrupt(tmp_path: Path) -> Path:
    root = tmp_path / "train"
    for seed in range(8):
        write(root / ("ant" if seed % 2 else "bee") / f"good{seed}.jpg", photo(seed))
    whole = (root / "bee" / "good0.jpg").read_bytes()
    (root / "bee" / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "bee" / "text.jpg").write_text("this is not an image\n" * 50)
    (root / "bee" / "empty.png").write_bytes(b"")
    write(root / "ant" / "large.png", np.full((7000, 7200, 3), 128, np.uint8))  # 50 million pixels
    write(root / "ant" / "tiny.png", photo(90, 5, 7))
    (root / "cat").mkdir()
    (root / "cat" / "notes.txt").write_text("no image here")
    return root


def test_every_fault_of_a_corrupt_set_is_named(corrupt: Path) -> None:
    found = examine({"train": part(corrupt)}, INPUT.width)
    assert found.counts["train"] == {"ant": 6, "bee": 4}
    unreadable = dict(found.unreadable["train"])
    assert set(unreadable) == {"bee/truncated.jpg", "bee/text.jpg", "bee/empty.png"}
    assert "is empty" in unreadable["bee/empty.png"] and "decoded" in unreadable["bee/text.jpg"]
    assert found.tiny["train"] == ("ant/tiny.png",)
    assert found.empty == ("cat",)
    text = "\n".join(found.warnings())
    for name in ("truncated.jpg", "text.jpg", "empty.png", "tiny.png", "cat"):
        assert name in text


def test_a_picture_without_permission_is_named(not_root: Path) -> None:
    for seed in range(4):
        write(not_root / ("ant" if seed % 2 else "bee") / f"good{seed}.jpg", photo(seed))
    (not_root / "bee" / "good0.jpg").chmod(0)
    found = examine({"train": part(not_root)})
    assert found.counts["train"] == {"ant": 2, "bee": 1}
    [(name, reason)] = found.unreadable["train"]
    assert name == "bee/good0.jpg" and "Permission denied" in reason


def test_good_pictures_are_what_the_runtime_makes_of_them(corrupt: Path) -> None:
    data = open_data(str(corrupt))
    cached, streamed = (fitted(data, data.digests(), INPUT, images=how) for how in ("cached", "streamed"))
    assert cached.survey.errors.keys() == streamed.survey.errors.keys() and len(cached.survey.errors) > 2
    rows = np.array([row for row in range(len(data)) if row not in cached.survey.errors])
    again = streamed.pictures[rows]
    for place, row in enumerate(rows):
        expected = fit(read_picture(corrupt / data.examples[row].name), INPUT)
        assert (cached.pictures[row] == expected).all() and (again[place] == expected).all(), data.examples[row].name


def test_a_callers_opencv_is_left_alone(corrupt: Path) -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        cv2.GaussianBlur(photo(1, 2000, 2000), (9, 9), 2)  # starts threads, which a fork doesn't have
        part(corrupt)
        assert cv2.getNumThreads() == 2
        child = os.fork()  # as the data loaders of other libraries do
        if child == 0:
            status = 1
            try:
                signal.alarm(60)
                os.environ["EDGECNN_CACHE"] = str(corrupt.with_name("cold"))
                status = int(not part(corrupt).survey.errors)
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        cv2.setNumThreads(before)


def test_decoded_once(corrupt: Path) -> None:
    data = open_data(str(corrupt))
    digests = data.digests()
    first = fitted(data, digests, INPUT)
    for example in data.examples:
        (corrupt / example.name).write_bytes(b"gone")
    again = fitted(data, digests, INPUT)
    assert (again.pictures == first.pictures).all() and again.survey.errors == first.survey.errors
    with pytest.raises(DataError, match="None of the"):
        fitted(data, digests, Preprocessing(16, 16))


def test_cache_that_cannot_be_written_is_an_error(corrupt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = open_data(str(corrupt))
    monkeypatch.setenv("EDGECNN_CACHE", "/proc/no-such-folder")
    with pytest.raises(DataError, match="EDGECNN_CACHE"):
        fitted(data, data.digests(), INPUT)


def test_duplicates_across_splits(tmp_path: Path) -> None:
    for seed in range(6):
        write(tmp_path / "train" / ("ant" if seed % 2 else "bee") / f"{seed}.png", photo(seed))
    write(tmp_path / "val" / "bee" / "same.png", photo(0))
    cv2.imwrite(str(tmp_path / "val" / "bee" / "again.jpg"), photo(2), [cv2.IMWRITE_JPEG_QUALITY, 60])
    write(tmp_path / "val" / "ant" / "other.png", photo(50))
    write(tmp_path / "train" / "ant" / "mislabeled.png", photo(4))
    found = examine({"train": part(tmp_path / "train"), "validation": part(tmp_path / "val")})
    assert found.exact == (("train:bee/0.png", "validation:bee/same.png"),)
    assert found.near == (("train:bee/2.png", "validation:bee/again.jpg"),)
    assert found.conflicting == (("ant/mislabeled.png", "bee/4.png"),)


def test_sets_too_large_for_near_duplicates_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "train" / "ant" / "0.png", photo(0))
    write(tmp_path / "val" / "ant" / "0.jpg", photo(0))
    parts = {"train": part(tmp_path / "train"), "validation": part(tmp_path / "val")}
    assert examine(parts).near and not examine(parts).notes
    monkeypatch.setattr("edgecnn.data.look_alikes._MOST_COMPARED", 0)
    assert "near duplicates are not listed" in examine(parts).notes[0]


def test_look_alikes_equals_counting_bits_pair_by_pair() -> None:
    random = np.random.default_rng(0)
    base = random.integers(0, 2**63, 40, dtype=np.uint64)
    flips = np.array(
        [sum(1 << int(bit) for bit in random.choice(64, i % 7, replace=False)) for i in range(40)], np.uint64
    )
    flat = np.zeros((40, 16, 16), np.uint8)

    def seen(hashes: np.ndarray) -> Survey:
        return Survey(np.ones((40, 2), np.int32), hashes, flat, {})

    expected = {
        (row, other)
        for row in range(40)
        for other in range(40)
        if bin(int(base[row]) ^ int(base[other] ^ flips[other])).count("1") <= 3
    }
    found = look_alikes(seen(base), seen(base ^ flips))
    assert expected and found is not None and len(found) == len(expected) and set(found) == expected


def test_difference_hash_compares_neighbors() -> None:
    falling = np.repeat(np.arange(255, 0, -1, dtype=np.uint8)[np.newaxis, :180], 120, axis=0)
    assert difference_hash(falling) == 0
    assert difference_hash(falling[:, ::-1]) == 2**64 - 1


def test_imbalance_and_classes_that_are_never_trained(tmp_path: Path) -> None:
    for seed in range(24):
        write(tmp_path / "train" / ("ant" if seed < 22 else "bee") / f"{seed}.png", photo(seed))
    write(tmp_path / "val" / "dog" / "0.png", photo(99))
    found = examine({"train": part(tmp_path / "train"), "validation": part(tmp_path / "val")})
    assert isinstance(found, DataReport) and found.imbalance == 11
    assert found.classes_not_trained == ("dog",)
    assert "--class-weights" in "\n".join(found.warnings())


def test_boxes_are_counted_by_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects, not images; a class that only the validation images show is named."""
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
    parts = {}
    for split, label in (("train", "cat"), ("validation", "dog")):
        write = tmp_path / split
        write.mkdir()
        random = np.random.default_rng(len(split))
        cv2.imwrite(str(write / "a.png"), random.integers(0, 255, (40, 40, 3), np.uint8))
        table = f"path,label,xmin,ymin,xmax,ymax\na.png,{label},1,2,30,30\na.png,{label},5,5,35,39\n"
        (write / "boxes.csv").write_text(table)
        data = open_data(str(write / "boxes.csv"))
        digests = data.digests()
        parts[split] = Part(data, digests, fitted(data, digests, Preprocessing(32, 32)).survey)
    report = examine(parts)
    assert report.counts == {"train": {"cat": 2}, "validation": {"dog": 2}}
    assert report.images == {"train": 1, "validation": 1}
    assert report.classes_not_trained == ("dog",)


def test_notes_on_the_whole_set_are_told_where_it_has_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    for name in "ab":
        cv2.imwrite(
            str(tmp_path / "set" / "JPEGImages" / f"{name}.png"), random.integers(0, 255, (40, 40, 3), np.uint8)
        )
        box = "<bndbox><xmin>2</xmin><ymin>2</ymin><xmax>30</xmax><ymax>30</ymax></bndbox>"
        (tmp_path / "set" / "Annotations" / f"{name}.xml").write_text(
            f"<annotation><filename>{name}.png</filename><object><name>cat</name>{box}</object></annotation>"
        )
    (tmp_path / "set" / "ImageSets" / "Main" / "train.txt").write_text("a\ngone\n")
    (tmp_path / "set" / "ImageSets" / "Main" / "val.txt").write_text("b\n")
    report = examine_data(SplitSettings(str(tmp_path / "set")))
    assert report.images == {"train": 1, "validation": 1}
    assert any("1 images that ImageSets lists aren't there, the first is gone" in each for each in report.warnings())
    (tmp_path / "set" / "ImageSets" / "Main" / "val.txt").unlink()
    few = examine_data(SplitSettings(str(tmp_path / "set"), validation_share=1e-9))
    assert few.images == {"train": 1}, "no image validates, which is no reason to say nothing"


def test_what_was_refused_is_tried_again_under_another_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
    counts = []  # a file that is small itself: its digest is known either way
    for name, side in (("cat/a", 32), ("cat/b", 900), ("dog/c", 32)):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "set" / f"{name}.png"), np.full((side, side, 3), ord(name[-1]), np.uint8))
    for limit in ("1", "512"):
        monkeypatch.setenv("EDGECNN_MAX_IMAGE_MB", limit)
        data = open_data(str(tmp_path / "set"))
        survey = fitted(data, data.digests(), Preprocessing(32, 32)).survey
        seen = survey_of(data, data.digests())
        counts.append((len(survey.errors), len(seen.errors)))
    assert counts == [(1, 1), (0, 0)]

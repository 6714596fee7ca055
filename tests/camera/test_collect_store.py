"""The folder that is collected into: names, near-duplicates, undo, what an earlier run left, and how it ends."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from collecting_doubles import scene
from scenes import PHOTOS, pan, photo

from edgecnn.collecting import class_names
from edgecnn.collecting.cautions import cautions
from edgecnn.collecting.pictures import REVIEW, Said
from edgecnn.collecting.sight import Sight
from edgecnn.collecting.store import NEAR_DUPLICATE, STORED, Store, encoded
from edgecnn.core.errors import EdgecnnError, PictureError, UsageError
from edgecnn.data import open_data


@pytest.fixture
def store(tmp_path):
    with contextlib.closing(Store(tmp_path / "data")) as store:
        for name in ("cat", "dog"):
            store.add_class(name)
        yield store


def kinds(store):
    """Kinds and classes of the cautions."""
    return {(each.kind, each.place) for each in cautions({name: store.pictures(name) for name in store.classes})}


def test_it_is_the_data_that_training_reads(store):
    for seed in range(6):
        assert store.add("cat" if seed < 4 else "dog", scene(seed)) == STORED
    store.add(REVIEW, scene(7))
    data = open_data(str(store.root))
    assert data.classes == ("cat", "dog") and len(data.examples) == 6
    assert store.counts() == {"cat": 4, "dog": 2} and store.waiting == 1
    picture = cv2.imread(str(store.root / store.pictures("cat")[-1].key))
    assert np.abs(picture.astype(int) - scene(0)).mean() < 10  # full size, and only what JPEG loses


def test_near_duplicates_are_skipped_within_a_class(store):
    first = photo("coffee.png")
    brighter = np.clip(first.astype(int) + 1, 0, 255).astype(np.uint8)
    assert store.add("cat", first) == STORED and store.add("cat", brighter) == NEAR_DUPLICATE
    assert store.add("dog", brighter) == STORED
    store.keep_near_duplicates = True
    assert store.add("cat", brighter) == STORED


@pytest.mark.parametrize(
    "name",
    ["", " ", "a/b", "..", ".hidden", "a\\b", "a:b", "a\0b", "a\nb/", "con", "COM1.txt", "train", "Test set", "valid",
     "x" * 65, "é" * 101, "__MACOSX", "a.", 7, None, ["a"], "\u202eabc/"],
)  # fmt: skip
def test_names_that_are_no_class(store, name):
    with pytest.raises(UsageError, match="class name"):
        store.add_class(name)
    assert store.classes == ["cat", "dog"] and {path.name for path in store.root.parent.iterdir()} == {"data"}


def test_names_are_composed_and_unique(store):
    assert store.add_class("  Cafe\u0301  au   lait ") == "Café au lait"
    assert store.add_class("Café au lait") == "Café au lait" and len(store.classes) == 3
    with pytest.raises(UsageError, match="case only"):
        store.add_class("Cat")
    assert class_names.checked("training shoes 2") == "training shoes 2"


def test_undo_takes_back_what_was_done_last(store):
    for seed in range(3):
        store.add("cat", scene(seed), action="burst 1")
    keys = [each.key for each in store.pictures("cat")]
    assert store.move(keys[:2], "dog") == 2 and store.counts() == {"cat": 1, "dog": 2}
    assert store.remove([store.pictures("dog")[0].key, "no/such.jpg", "../../etc/passwd"]) == 1
    assert store.undo() == "deleting 1 image" and store.counts() == {"cat": 1, "dog": 2}
    assert store.undo() == "moving 2 images" and [each.key for each in store.pictures()] == keys
    assert store.undo() == "taking 3 images" and store.counts() == {"cat": 0, "dog": 0}
    assert store.undo() == "" and not list(store.root.glob("*/*.jpg"))


def test_the_review_queue_is_sorted_or_dropped(store):
    for seed in range(3):
        store.add(REVIEW, scene(seed), said=Said("dog", 0.4))
    first, second, _ = store.pictures(REVIEW)
    store.move([first.key], "cat")
    store.remove([second.key])
    assert store.waiting == 1 and store.counts()["cat"] == 1 and store.pictures("cat")[0].is_doubtful
    store.undo()
    assert store.waiting == 2
    with pytest.raises(UsageError, match="no class 'bird'"):
        store.move([second.key], "bird")


def test_an_earlier_run_is_found_again_without_looking(store, monkeypatch):
    for seed in range(3):
        store.add("cat", scene(seed), said=Said("dog", 0.9))
    store.add(REVIEW, scene(5))
    before = store.pictures("cat")
    store.close()
    shutil.copy(store.root / before[0].key, store.root / "dog" / "other.jpg")
    (store.root / "dog" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    leftover = store.root / "dog" / ".20260101T000000-000001-999-abcdefg_.tmp.jpg"
    leftover.write_bytes(b"half")
    (store.root / ".collect/index.jsonl").open("ab").write(b'{"key": "cat/x')
    looked = []
    with contextlib.closing(Store(store.root, progress=lambda *told: looked.append(told))) as again:
        assert len(looked) == 1 and again.unreadable == 1, "only the new image is looked at"
        assert again.counts() == {"cat": 3, "dog": 1} and again.waiting == 1
        found = again.pictures("cat")
        assert [each.key for each in found] == [each.key for each in before] and found[0].said == Said("dog", 0.9)
        assert again.add("cat", scene(1)) == NEAR_DUPLICATE and again.undo() == "" and not leftover.exists()


def test_two_processes_don_t_collect_into_one_folder(store):
    with pytest.raises(EdgecnnError, match="Another edgecnn process collects into"):
        Store(store.root)


def test_a_folder_of_splits_is_refused(tmp_path):
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            path = tmp_path / split / name / "a.png"
            path.parent.mkdir(parents=True)
            cv2.imwrite(str(path), scene(1))
    with pytest.raises(UsageError, match=r"holds splits .*Give one of the splits: .*train"):
        Store(tmp_path)


def test_files_are_stored_as_they_are_only_if_they_are_images(store):
    png = cv2.imencode(".png", scene(1))[1].tobytes()
    assert store.add_file("cat", png) == STORED and (store.root / store.pictures("cat")[0].key).read_bytes() == png
    bmp = cv2.imencode(".bmp", scene(2))[1].tobytes()
    assert store.add_file("cat", bmp) == STORED and store.pictures("cat")[0].key.endswith(".jpg")
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\0\0\0\1\0\0\x08\2\0\0\0" + b"\0" * 20
    for data in (b"", b"<script>", encoded(scene(3))[:300], bomb):
        with pytest.raises(PictureError):
            store.add_file("cat", data)
    assert store.counts()["cat"] == 2


def test_cautions(store):
    sharp = photo("motorcycle_left.png")
    for place, frame in enumerate(pan(sharp, 12)):
        store.keep_near_duplicates = True
        store.add("cat", cv2.GaussianBlur(frame, (0, 0), 4) if place < 6 else frame)
    store.add("dog", (sharp // 8).astype(np.uint8))
    assert kinds(store) == {("blur", "cat"), ("imbalance", "dog")}
    for seed in range(3):
        store.add("dog", scene(seed) // 8)
    assert kinds(store) == {("blur", "cat"), ("dark", "dog")}


def test_one_setting_only(store):
    """A subject that moves before one background is one setting; another background makes it two."""
    store.keep_near_duplicates = True
    rooms = [cv2.resize(photo(name), (320, 240)) for name in PHOTOS]
    for seed in range(24):
        for name, room in (("cat", rooms[0]), ("dog", rooms[seed % 3])):
            frame = room.copy()
            frame[80:160, 120:200] = scene(seed, (80, 80))
            store.add(name, np.clip(frame.astype(int) + seed % 7 - 3, 0, 255).astype(np.uint8))
    assert {each for each in kinds(store) if each[0] == "setting"} == {("setting", "cat")}


def test_sharpness_does_not_depend_on_the_size_of_the_image():
    frame = photo("chelsea.png")
    values = [Sight.at(cv2.resize(frame, None, fx=scale, fy=scale, interpolation=3)).sharpness for scale in (1.5, 2, 4)]
    assert max(values) < 1.5 * min(values)  # the variance itself falls by more than 10 from 1.5 to 4
    assert not Sight.at(np.zeros((8, 8, 3), np.uint8)).is_blurred and Sight.at(np.zeros((8, 8, 3), np.uint8)).is_dark


def test_killed_at_any_time_there_are_whole_images_only(tmp_path):
    script = (
        "import sys; from collecting_doubles import scene; from edgecnn.collecting.store import Store\n"
        f"store = Store({str(tmp_path / 'data')!r}); store.add_class('cat'); print('ready', flush=True)\n"
        "for seed in range(10**6): store.add('cat', scene(seed, (1280, 960)))"
    )
    here = f"{Path(__file__).parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": here}
    )
    process.stdout.readline()
    end = time.monotonic() + 60
    while len(list((tmp_path / "data/cat").glob("2*.jpg"))) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with contextlib.closing(Store(tmp_path / "data")) as again:
        assert again.unreadable == 0 and again.counts()["cat"] > 0
        again.add("cat", scene(10**7))
        assert len(list((tmp_path / "data/cat").iterdir())) == again.counts()["cat"], "what it left is removed"

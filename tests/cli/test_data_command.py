"""`edgecnn data`: the report by itself, and shards that train takes."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from color_pictures import write_pictures

import edgecnn
from edgecnn.cli import cli


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))


def test_report_and_shards_say_the_same(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", 8)
    (pictures / "ant" / "broken.jpg").write_bytes(b"no image")
    done = CliRunner().invoke(cli, ["data", str(pictures), "--validation-share", "0.3"])
    assert done.exit_code == 0, done.output
    assert "broken.jpg" in done.stdout and "typically 40 px" in done.stdout and "validation" in done.stdout
    shards = tmp_path / "shards"
    written = CliRunner().invoke(cli, ["data", str(pictures), "--shards", str(shards), "--size-mb", "0.05"])
    assert written.exit_code == 0 and "25 images in" in written.stdout
    done = CliRunner().invoke(cli, ["data", str(shards), "--validation-share", "0.3", "--json", "-"])
    found, expected = json.loads(done.stdout), edgecnn.examine_data(pictures, validation_share=0.3)
    assert found["counts"] == {split: dict(counts) for split, counts in expected.counts.items()}
    assert found["typical_px"] == 40 and sum(map(len, found["unreadable"].values())) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["photos", "--draw", "out"], 1, "has no boxes to draw"),
        (["photos", "--shards", "out", "--draw", "look"], 2, "can't be used with --shards"),
        (["nowhere"], 1, "There is no data set"),
        (["photos", "--size-mb", "3"], 2, "goes with --shards"),
        (["photos", "--shards", "out", "--validation-share", "0.2"], 2, "can't be used with --shards"),
        (["photos", "--shards", "out", "--format", "zip"], 2, "webdataset"),
    ],
)
def test_wrong_use(arguments: list[str], status: int, message: str) -> None:
    done = CliRunner().invoke(cli, ["data", *arguments])
    assert done.exit_code in (status, 1), "in this process errors of the library keep their type"
    assert message in done.output + str(done.exception)


def test_images_without_classes_are_looked_at_too(tmp_path: Path) -> None:
    write_pictures(tmp_path, 3)
    report = edgecnn.examine_data(tmp_path / "ant")
    assert report.counts == {"train": {}} and report.typical_px == 40


def table_of_boxes(folder: Path) -> Path:
    """Ten gray images with a box each of class a; the first has one of b too."""
    for number in range(10):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((60, 80, 3), 10 + 5 * number, np.uint8))
    rows = ["0.png,b,50,5,70,20", *(f"{number}.png,a,10,20,40,50" for number in range(10))]
    rows += [f"0.png,a,{column},2,{column + 5},9" for column in range(0, 40, 6)]
    (folder / "boxes.csv").write_text("\n".join(["path,label,xmin,ymin,xmax,ymax", *rows]) + "\n")
    return folder / "boxes.csv"


def test_boxes_are_drawn_and_counted(tmp_path: Path) -> None:
    table = table_of_boxes(tmp_path)
    done = CliRunner().invoke(
        cli, ["data", str(table), "--draw", str(tmp_path / "look"), "--json", str(tmp_path / "j")]
    )
    assert done.exit_code == 0, done.output
    assert "objects" in done.stdout and f"10 images with boxes in {tmp_path / 'look'}." in done.stdout
    assert "times as many objects as the smallest." in done.stdout and "--class-weights" not in done.stdout
    written = json.loads((tmp_path / "j").read_text())
    assert written["of_objects"] and len(written["drawn"]) == 10
    picture = cv2.imread(next(path for path in written["drawn"] if path.endswith("_3.png")))
    for row, column in ((20, 30), (50, 30), (35, 10), (35, 40)):
        assert (picture[row, column] != 25).any(), "each edge of the box is drawn"
    assert (picture[30, 20] == 25).all(), "what the box holds is left as it is"


def test_a_name_at_the_beginning_of_a_sentence_is_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (table := table_of_boxes(tmp_path)).write_text(table.read_text() + "9.png,a,70,50,99,59\n")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["data", "boxes.csv"])
    assert "\nboxes.csv: 1 boxes reach beyond their image and are clipped: 9.png." in done.stdout

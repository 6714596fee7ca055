"""`edgecnn data`: the report by itself, and shards that train takes."""

from __future__ import annotations

import json
from pathlib import Path

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

"""The ladder: which rung it stops at, what it says when pictures are too few, and what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecnn.data import open_data
from edgecnn.errors import BoundNotMetError, DataError, UsageError
from edgecnn.quantize import Calibration
from edgecnn.quantize.ladder import RUNGS, Bounds, Step, _one, blame, check, climb
from edgecnn.runtime import model_file
from edgecnn.verify.statistics import share

FEW = Calibration("photos:calibration", 16)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 crops of photographs that the calibration doesn't have, under the tiny model's labels in turn."""
    folder = tmp_path_factory.mktemp("held_out")
    for number, example in enumerate(open_data("photos:test").sample(40).examples):
        name = ("ant", "bee", "cat", "dog", "eel")[number % 5]
        (folder / name).mkdir(exist_ok=True)
        cv2.imwrite(str(folder / name / f"{number}.png"), cv2.resize(example.read(), (40, 40)))
    return folder


def test_the_first_rung_within_the_bound_is_taken(tiny_keras: Path, tmp_path: Path, pictures: Path) -> None:
    output = tmp_path / "m.tflite"
    climbed = climb(tiny_keras, output, Bounds(min_agreement=1.0), str(pictures), calibration=FEW)
    assert [step.rung for step in climbed.steps] == ["plain"]
    assert climbed.reached and climbed.steps[0].verdict == "held"
    account = model_file.read(output).contract.provenance["ladder"]
    assert account[0]["rung"] == "plain" and account[0]["agreement"]["total"] == 40 and account[0]["latency_ms"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.tflite"]


def test_what_can_t_be_reached_leaves_the_best_beside_and_says_so(
    tiny_keras: Path, tmp_path: Path, pictures: Path
) -> None:
    bounds = Bounds(max_drop=-100.0, edge_tpu=True)  # nothing can gain a hundred points
    climbed = climb(tiny_keras, tmp_path / "m.tflite", bounds, str(pictures), calibration=FEW)
    assert [step.rung for step in climbed.steps] == [rung.name for rung in RUNGS if rung.edge_tpu]
    assert all(step.verdict == "missed" for step in climbed.steps)
    assert [path.name for path in tmp_path.iterdir()] == ["m-best.tflite"]
    with pytest.raises(BoundNotMetError, match=r"--max-drop -100.*m-best\.tflite"):
        check(climbed, bounds)
    reason = blame(climbed, tiny_keras, str(pictures))
    assert "CONV_2D" in reason and "edgecnn doctor m-best.tflite" in reason


def test_pictures_that_were_calibrated_on_are_not_judged_by(tiny_keras: Path, tmp_path: Path, pictures: Path) -> None:
    with pytest.raises(DataError, match="All 40 pictures"):
        climb(tiny_keras, tmp_path / "m.tflite", Bounds(min_agreement=50), str(pictures),
              calibration=Calibration(str(pictures), 40))  # fmt: skip
    half = climb(tiny_keras, tmp_path / "m.tflite", Bounds(min_agreement=1), str(pictures),
                 calibration=Calibration(str(pictures), 10))  # fmt: skip
    assert half.steps[0].pictures == 30


def test_bounds_without_labels_or_without_a_bound_are_refused(tiny_keras: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--max-drop needs labels"):
        climb(tiny_keras, tmp_path / "m.tflite", Bounds(max_drop=1), "photos:test", calibration=FEW)
    with pytest.raises(UsageError, match="bound is missing"):
        Bounds()


@pytest.mark.parametrize(
    ("right", "total", "bound", "verdict"),
    [(99, 100, 90, "held"), (95, 100, 94, "not shown"), (93, 100, 94, "missed"), (990, 1000, 98, "held")],
)
def test_verdict_follows_the_interval(right: int, total: int, bound: float, verdict: str) -> None:
    found = share(right, total)
    said, needed = _one(found.percent - bound, found.percent - found.low_percent, total)
    assert said == verdict
    if said == "not shown":  # with so many pictures and the same share, the interval does lie within the bound
        more = share(round(needed * 1.1 * right / total), round(needed * 1.1))
        assert more.low_percent >= bound > found.low_percent


def test_command(tiny_keras: Path, tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from edgecnn.cli.quantize import command

    output = tmp_path / "m.tflite"
    options = ["--samples", "8", "--calibration", "photos:calibration", "--json", "-"]
    command.main(
        [str(tiny_keras), "-o", str(output), "--min-agreement", "1", "--data", str(pictures), *options],
        standalone_mode=False,
    )
    result = json.loads(capsys.readouterr().out)
    assert result["reached"] and result["steps"][0]["rung"] == "plain"
    assert output.exists()
    assert Step.__dataclass_fields__.keys() >= result["steps"][0].keys()
    assert np.isfinite(result["steps"][0]["latency_ms"])

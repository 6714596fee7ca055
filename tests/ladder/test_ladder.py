"""The ladder: which configuration it stops at, what it says when images are too few, and what it leaves behind."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import pytest
from color_pictures import write_pictures

from edgecnn import cli, reporting
from edgecnn.core.errors import BoundNotMetError, DataError, UsageError
from edgecnn.core.statistics import share
from edgecnn.data import open_data
from edgecnn.ladder import CONFIGURATIONS, Bounds, Skipped, Training, Tried, blame, check, evaluation
from edgecnn.ladder import climb as climb_module
from edgecnn.ladder.climb import climb
from edgecnn.ladder.values import one_verdict
from edgecnn.quantization import Calibration
from edgecnn.runtime.model import model_file
from edgecnn.runtime.process import lock

FEW = Calibration("photos:calibration", 16)
NEVER = Bounds(max_drop=-100.0, edge_tpu=True)  # nothing can gain a hundred points


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 crops of photographs that the calibration doesn't have, under the tiny model's labels in turn."""
    folder = tmp_path_factory.mktemp("held_out")
    for number, example in enumerate(open_data("photos:test").sample(40).examples):
        name = ("ant", "bee", "cat", "dog", "eel")[number % 5]
        (folder / name).mkdir(exist_ok=True)
        cv2.imwrite(str(folder / name / f"{number}.png"), cv2.resize(example.read(), (40, 40)))
    return folder


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(climb_module, "CONFIGURATIONS", tuple(each for each in CONFIGURATIONS if each.name in names))


def test_the_first_configuration_within_the_bound_is_taken(tiny_keras: Path, tmp_path: Path, pictures: Path) -> None:
    output = tmp_path / "m.tflite"
    climbed = climb(tiny_keras, output, Bounds(min_agreement=1.0), str(pictures), calibration=FEW)
    assert [step.configuration for step in climbed.tried] == ["plain"]
    assert climbed.reached and climbed.tried[0].verdict == "met"
    account = model_file.read(output).contract.provenance.ladder
    assert account[0].configuration == "plain" and account[0].agreement.total == 40
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.tflite"]


def test_what_can_t_be_reached_leaves_the_best_beside_and_says_so(
    tiny_keras: Path, tmp_path: Path, pictures: Path
) -> None:
    climbed = climb(tiny_keras, tmp_path / "m.tflite", NEVER, str(pictures), calibration=FEW)
    assert [entry.configuration for entry in climbed.entries] == [each.name for each in CONFIGURATIONS]
    assert [step.configuration for step in climbed.tried] == ["plain", "fast", "best"]
    skipped = {entry.configuration: entry.reason for entry in climbed.entries if isinstance(entry, Skipped)}
    assert skipped["qat"] == skipped["relu6"] == "needs --train-data"
    assert skipped["int8_mixed"] == skipped["int8_int16"] == "the Edge TPU can't run it"
    assert "no channel" in skipped["equalized"] and "need the full ranges" in skipped["ranges"]  # ReLU6 everywhere
    assert all(step.verdict == "not met" for step in climbed.tried)
    assert [path.name for path in tmp_path.iterdir()] == ["m-best.tflite"]
    account = model_file.read(tmp_path / "m-best.tflite").contract.provenance.ladder
    assert {entry.configuration: getattr(entry, "reason", None) for entry in account}["qat"] == "needs --train-data"
    page = reporting.report(tmp_path / "m-best.tflite")
    assert "Configurations tried to meet" in page and "skipped: needs --train-data" in page and "m-best" in page
    kept = re.escape(str(tmp_path / "m-best.tflite"))
    with pytest.raises(BoundNotMetError, match=f"--max-drop -100.*It was written to {kept}.*or add --train-data"):
        check(climbed, NEVER)
    with pytest.raises(BoundNotMetError, match=r"Relax the bound\.$"):  # where all were tried that train
        check(dataclasses.replace(climbed, entries=list(climbed.tried)), NEVER)
    reason = blame(climbed, tiny_keras, str(pictures))
    assert "CONV_2D" in reason and f"edgecnn doctor {tmp_path / 'm-best.tflite'}" in reason


def test_layers_are_blamed_when_the_best_artifact_is_not_int8(
    tiny_keras: Path, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "plain", "int8_mixed", "dynamic_int8")
    bounds = Bounds(max_drop=-100.0)
    climbed = climb(tiny_keras, tmp_path / "m.tflite", bounds, str(pictures), calibration=FEW)
    assert [step.configuration for step in climbed.tried] == ["plain", "int8_mixed", "dynamic_int8"]
    assert climbed.file.contract.provenance.scheme == "dynamic_int8"
    assert "stem_conv (CONV_2D" in blame(climbed, tiny_keras, str(pictures))


def test_integer_only_takes_int16_instead_of_float(
    tiny_keras: Path, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "plain", "int8_mixed", "int8_int16", "dynamic_int8")
    bounds = Bounds(max_drop=-100.0, integer=True)
    climbed = climb(tiny_keras, tmp_path / "m.tflite", bounds, str(pictures), calibration=FEW)
    assert [step.configuration for step in climbed.tried] == ["plain", "int8_int16"]


def test_times_are_of_this_configuration_and_the_added_latency_is_over_the_first(
    tiny_keras: Path, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "plain", "fast", "dynamic_int8")
    alone: list[bool] = []
    engines: list[Any] = []

    def timed(engine: Any, tensor: np.ndarray, runs: int) -> list[float]:
        """The n-th engine takes n ms, and each second run of it 4 ms more."""
        alone.append(not free(Path(tempfile.gettempdir()) / lock.FILE_NAME))
        if engine not in engines:
            engines.append(engine)
        return [1.0 + engines.index(engine) + (4.0 if len(alone) // 2 % 2 else 0.0)]

    monkeypatch.setattr(evaluation, "timed_runs", timed)
    climbed = climb(tiny_keras, tmp_path / "m.tflite", Bounds(max_drop=-100.0), str(pictures), calibration=FEW)
    assert [step.added_latency_ms for step in climbed.tried] == [0, 1, 2]
    assert [step.latency_ms for step in climbed.tried] == [3, 4, 5]  # the median lies between
    assert alone and all(alone)


def free(path: Path) -> bool:
    """Whether nobody holds the lock."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_per_tensor_has_a_ladder_of_its_own(tiny_keras: Path, tmp_path: Path, pictures: Path) -> None:
    bounds = Bounds(max_drop=-100.0, per_tensor=True)
    climbed = climb(tiny_keras, tmp_path / "m.tflite", bounds, str(pictures), calibration=FEW)
    assert [step.configuration for step in climbed.tried] == ["plain", "fast", "best"]
    weights = [t for t in climbed.file.model.graph.tensors if t.is_constant and t.dtype == "INT8"]
    assert weights and all(tensor.scale.size == 1 for tensor in weights)


def test_pictures_that_were_calibrated_on_are_not_judged_by(tiny_keras: Path, tmp_path: Path, pictures: Path) -> None:
    with pytest.raises(DataError, match="All 40 images"):
        climb(tiny_keras, tmp_path / "m.tflite", Bounds(min_agreement=50), str(pictures),
              calibration=Calibration(str(pictures), 40))  # fmt: skip
    half = climb(tiny_keras, tmp_path / "m.tflite", Bounds(min_agreement=1), str(pictures),
                 calibration=Calibration(str(pictures), 10))  # fmt: skip
    assert half.tried[0].pictures == 30 and half.left_out == 10


def test_all_configurations_are_evaluated_on_the_same_pictures_though_the_first_needs_no_calibration(
    tiny_keras: Path, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {each.name: each for each in CONFIGURATIONS}
    monkeypatch.setattr(climb_module, "CONFIGURATIONS", (known["dynamic_int8"], known["plain"]))
    climbed = climb(tiny_keras, tmp_path / "m.tflite", Bounds(max_drop=-100.0), str(pictures),
                    calibration=Calibration(str(pictures), 10))  # fmt: skip
    assert [step.pictures for step in climbed.tried] == [30, 30] and climbed.left_out == 10


def test_bounds_without_labels_or_without_a_bound_are_refused(tiny_keras: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--max-drop needs labels"):
        climb(tiny_keras, tmp_path / "m.tflite", Bounds(max_drop=1), "photos:test", calibration=FEW)
    with pytest.raises(UsageError, match="No accuracy bound was given"):
        Bounds()


def test_ctrl_c_leaves_nothing(
    tiny_keras: Path, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))

    def interrupted(stage: str, done: int, total: int) -> None:
        if stage == "Rounding":  # the second configuration is being made, the first one is evaluated already
            raise KeyboardInterrupt

    only(monkeypatch, "plain", "fast")
    with pytest.raises(KeyboardInterrupt):
        climb(tiny_keras, tmp_path / "m.tflite", NEVER, str(pictures), calibration=FEW, progress=interrupted)
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]
    assert [path.name for path in scratch.iterdir()] == [lock.FILE_NAME]  # of the machine, and empty


@pytest.mark.parametrize(
    ("right", "total", "bound", "verdict"),
    [(99, 100, 90, "met"), (95, 100, 94, "inconclusive"), (93, 100, 94, "not met"), (990, 1000, 98, "met")],
)
def test_verdict_follows_the_interval(right: int, total: int, bound: float, verdict: str) -> None:
    found = share(right, total)
    said, needed = one_verdict(found.percent - bound, found.percent - found.low_percent, total)
    assert said == verdict
    if said == "inconclusive":  # with so many images and the same share, the interval does lie within the bound
        more = share(round(needed * 1.1 * right / total), round(needed * 1.1))
        assert more.low_percent >= bound > found.low_percent


@pytest.fixture(scope="module")
def colors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`train` to train on; `test` to judge by, with three of the trained images among its nine, renamed."""
    root = tmp_path_factory.mktemp("colors")
    write_pictures(root / "train", 16)
    write_pictures(root / "test", 2, seed=1)
    for name in ("ant", "bee", "cat"):
        seen = min((root / "train" / name).iterdir())
        (root / "test" / name / "seen.png").write_bytes(seen.read_bytes())
    return root


@pytest.fixture(scope="module")
def swish_keras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from edgecnn.core.compat.tensorflow import keras
    from edgecnn.float_model import keras_file
    from edgecnn.models import blocks
    from edgecnn.models.blocks import Residual, Style
    from edgecnn.runtime.model.contract import Contract, Preprocessing

    keras.utils.set_random_seed(0)
    style = Style("swish", momentum=0.9)
    picture = blocks.picture((32, 32, 3))
    x = blocks.conv_bn(picture, 8, "stem", style, kernel=3, stride=2)
    x = blocks.inverted_residual(x, Residual(8, 16), "block0", style)
    model = keras.Model(picture, blocks.classifier(blocks.pool(x), 3, 0.0), name="swish")
    path = tmp_path_factory.mktemp("swish") / "swish.keras"
    keras_file.save(model, Contract(Preprocessing(32, 32, crop=1.0), labels=("ant", "bee", "cat")), path)
    return path


@pytest.mark.parametrize("edge_tpu", [False, True])
def test_configurations_that_train(
    swish_keras: Path, tmp_path: Path, colors: Path, monkeypatch: pytest.MonkeyPatch, edge_tpu: bool
) -> None:
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
    swapped = "relu6" if edge_tpu else "hard_swish"
    only(monkeypatch, swapped, *(() if edge_tpu else ("plain", "qat")))
    bounds = Bounds(max_drop=-100.0, edge_tpu=edge_tpu)
    output = tmp_path / "out" / "m.tflite"
    output.parent.mkdir()
    climbed = climb(swish_keras, output, bounds, str(colors / "test"), calibration=FEW,
                    training=Training(str(colors / "train"), 1))  # fmt: skip
    assert [step.configuration for step in climbed.tried] == (["relu6"] if edge_tpu else ["plain", "hard_swish", "qat"])
    assert climbed.left_out == 3 and climbed.tried[0].pictures == 6  # by content: the names are new
    if edge_tpu:
        kinds = {operator.name for operator in climbed.file.model.graph.operators}
        assert not kinds & {"LOGISTIC", "MUL", "HARD_SWISH"}
        assert climbed.file.contract.model.compression[0].extra["to"] == "relu6"
        assert climbed.int8 is None and blame(climbed, swish_keras, str(colors / "test")) == ""  # another network
    assert sorted(path.name for path in output.parent.iterdir()) == ["m-best.tflite"]


def test_all_pictures_trained_on_is_refused(swish_keras: Path, tmp_path: Path, colors: Path) -> None:
    train = str(colors / "train")
    with pytest.raises(DataError, match=r"All 48 images of .* were used for training"):
        climb(swish_keras, tmp_path / "m.tflite", NEVER, train, calibration=FEW, training=Training(train, 1))


def test_a_model_without_swish_skips_the_swap(
    tiny_keras: Path, tmp_path: Path, colors: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "plain", "hard_swish")
    climbed = climb(tiny_keras, tmp_path / "m.tflite", Bounds(max_drop=-100.0), str(pictures), calibration=FEW,
                    training=Training(str(colors / "train"), 1))  # fmt: skip
    assert [getattr(entry, "reason", "tried") for entry in climbed.entries] == ["tried", "the model has no swish"]


def run(arguments: list[Any]) -> None:
    from edgecnn.cli.quantize import command

    command.main([str(argument) for argument in arguments], standalone_mode=False)


def test_command(tiny_keras: Path, tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "m.tflite"
    options = ["--samples", "8", "--calibration", "photos:calibration", "--json", "-"]
    run([tiny_keras, "-o", output, "--min-agreement", "1", "--data", pictures, *options])
    result = json.loads(capsys.readouterr().out)
    assert result["reached"] and result["steps"][0]["configuration"] == "plain"
    assert output.exists() and result["output"] == str(output)
    assert Tried.__dataclass_fields__.keys() >= result["steps"][0].keys()
    run([tiny_keras, "-o", output, "--min-agreement", "1", "--data", pictures, *options[:-2]])
    assert f"{output}: plain" in capsys.readouterr().out


def test_command_that_can_t_reach_its_bound_ends_with_status_1(
    tiny_keras: Path, tmp_path: Path, pictures: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    only(monkeypatch, "plain", "equalized", "qat")
    arguments = [tiny_keras, "-o", tmp_path / "m.tflite", "--max-drop", "-100", "--data", pictures,
                 "--samples", "8", "--calibration", "photos:calibration"]  # fmt: skip
    monkeypatch.setattr("sys.argv", ["edgecnn", "quantize", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    shown = capsys.readouterr()
    assert ended.value.code == 1
    assert "qat was skipped: needs --train-data" in shown.err and "Most of int8's noise comes from" in shown.err
    assert "skipped" in shown.out and "not met" in shown.out
    assert [path.name for path in tmp_path.iterdir()] == ["m-best.tflite"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-drop", "1"], "need an evaluation set"),
        (
            ["--max-drop", "1", "--data", "x", "--improve", "best"],
            "--improve can't be used with --max-drop or --min-agreement",
        ),
        (
            ["--max-drop", "1", "--data", "x", "--scheme", "float16"],
            "float16 can't be used with --max-drop or --min-agreement",
        ),
        (
            ["--max-drop", "1", "--data", "x", "--keep-float", "stem"],
            "keep-float can't be used with --max-drop or --min-agreement",
        ),
        (["--max-drop", "1", "--data", "x", "--epochs", "1"], "--epochs needs images to train on"),
        (["--train-data", "x"], "--train-data needs --max-drop"),
        (["--edge-tpu"], "--edge-tpu needs --max-drop"),
        (["--data", "x"], "--data needs --max-drop"),
        (["--scheme", "int8", "--keep-float", "stem"], "keep_float needs scheme int8_mixed"),
    ],
)
def test_options_that_don_t_go_together(tmp_path: Path, options: list[str], message: str) -> None:
    with pytest.raises((click.UsageError, UsageError), match=message):
        run(["m.keras", "-o", tmp_path / "m.tflite", *options])

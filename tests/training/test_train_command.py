"""`edgecnn train` as a user types it, and the strategies behind it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from color_pictures import write_pictures
from commands import check_clean_failure, run_cli

from edgecnn.core.errors import DataError, EdgecnnError, UsageError
from edgecnn.core.hints import Hints
from edgecnn.core.registry import TRAINING_STRATEGIES
from edgecnn.data.report import DataReport
from edgecnn.data.seen import Seen
from edgecnn.float_model import keras_file
from edgecnn.runtime.run.preprocess import fit, read_picture
from edgecnn.training import TrainOptions, train
from edgecnn.training import features as features_module

QUICK = {"epochs": 2, "batch_size": 16}


def answers(model_file: Path, folder: Path) -> list[tuple[str, str]]:
    """(true class, answer) by the file alone: the contract's preprocessing, the Keras model, nothing of training."""
    model, contract = keras_file.load(model_file)
    assert contract is not None
    found = []
    for path in sorted(folder.glob("*/*.png")):
        pixels = fit(read_picture(path), contract.preprocessing).astype(np.float32)
        inputs = (pixels - np.float32(contract.preprocessing.mean)) / np.float32(contract.preprocessing.std)
        found.append((path.parent.name, contract.labels[int(model(inputs[np.newaxis]).numpy().argmax())]))
    return found


def test_command_trains_tests_and_says_what_it_did(small_keras: Path, pictures: Path, tmp_path: Path) -> None:
    output = tmp_path / "colors.keras"
    arguments = ["train", small_keras, "--data", pictures, "--strategy", "scratch", "--epochs", "12", "-o", output]
    done = run_cli(*arguments, "--batch-size", "8", "--learning-rate", "5e-3", "--augment", "flip", timeout=400)
    assert done.returncode == 0, done.stderr
    assert "train: 65 images of 3 classes" in done.stderr
    result = json.loads(Path(f"{output}.training/result.json").read_text())
    assert result["test"]["top1_percent"] >= 90
    assert f"test top-1 {result['test']['top1_percent']:.2f} %" in done.stdout
    pairs = answers(output, pictures / "test")
    assert len(pairs) == 15
    right = sum(truth == answer for truth, answer in pairs)
    assert result["test"]["top1_percent"] == pytest.approx(100 * right / 15)
    confusion = np.array(result["test"]["confusion"])
    for truth, answer in pairs:
        row, column = (("ant", "bee", "cat").index(name) for name in (truth, answer))
        confusion[row, column] -= 1
    assert (confusion == 0).all()
    contract = keras_file.read_contract(output)
    assert contract is not None and contract.labels == ("ant", "bee", "cat")
    assert contract.accuracy.trained["test_top1_percent"] == pytest.approx(100 * right / 15, abs=1e-3)
    trained_on = Seen.read(contract.provenance)
    digests = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in pictures.glob("*/*/*.png")}
    assert trained_on.images == 65 == sum(digest in trained_on for digest in digests.values())
    assert not any(digest in trained_on for path, digest in digests.items() if path.parts[-3] == "test")
    assert not list(Path(f"{output}.training").glob("*/checkpoint.npz"))


def test_head_computes_features_once(
    small_keras: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
    options = TrainOptions(str(pictures), "head", {"epochs": 3})
    first = train(small_keras, options)
    monkeypatch.setattr(features_module, "_computed", lambda *_: pytest.fail("computed again"))
    second = train(small_keras, options)
    assert second.test is not None and first.test is not None
    assert (second.model.layers[-1].get_weights()[0] == first.model.layers[-1].get_weights()[0]).all()
    original, _ = keras_file.load(small_keras)
    for before, after in zip(original.layers[:-1], first.model.layers[:-1]):
        for mine, theirs in zip(before.get_weights(), after.get_weights()):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", TRAINING_STRATEGIES.names())
def test_every_strategy_runs(name: str, small_keras: Path, pictures: Path) -> None:
    strategy = TRAINING_STRATEGIES.load(name)
    assert strategy.DEFAULTS
    trained = train(small_keras, TrainOptions(str(pictures), name, {"epochs": 1}))
    assert trained.phases[-1].history.epochs and trained.model.output_shape == (None, 3)
    json.dumps(trained.record().to_dict())


def test_a_model_that_knows_the_classes_keeps_its_head(small_keras: Path, pictures: Path, tmp_path: Path) -> None:
    first = train(small_keras, TrainOptions(str(pictures), "head", {"epochs": 2}))
    keras_file.save(first.model, first.contract.replace(labels=("Bee", "ANT", "cat")), tmp_path / "renamed.keras")
    hardly = {"epochs": 1, "learning_rate": 1e-9}
    again = train(tmp_path / "renamed.keras", TrainOptions(str(pictures), "head", hardly))
    assert again.contract.labels == ("Bee", "ANT", "cat")
    for before, after in zip(first.model.layers[-1].get_weights(), again.model.layers[-1].get_weights()):
        np.testing.assert_allclose(after, before, atol=1e-6)


def test_teacher_must_know_the_classes(small_keras: Path, pictures: Path, tmp_path: Path) -> None:
    taught = train(small_keras, TrainOptions(str(pictures), "scratch", QUICK))
    keras_file.save(taught.model, taught.contract, tmp_path / "teacher.keras")
    options = TrainOptions(str(pictures), "scratch", QUICK, teacher=str(tmp_path / "teacher.keras"))
    assert train(small_keras, options).phases[0].history.epochs
    with pytest.raises(UsageError, match="expected the classes of the data"):
        train(small_keras, TrainOptions(str(pictures), "scratch", QUICK, teacher=str(small_keras)))


def test_corrupt_pictures_are_reported_skipped_or_refused(small_keras: Path, tmp_path: Path) -> None:
    root = write_pictures(tmp_path / "data", 12)
    (root / "ant" / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    (root / "dog").mkdir()
    reports: list[DataReport] = []
    options = TrainOptions(str(root), "head", {"epochs": 1}, validation_share=0.3)
    trained = train(small_keras, options, show_report=reports.append)
    assert trained.contract.labels == ("ant", "bee", "cat")
    assert reports[0].unreadable_count == 1 and reports[0].empty == ("dog",)
    strict = TrainOptions(str(root), "head", {"epochs": 1}, validation_share=0.3, strict=True)
    with pytest.raises(DataError, match=r"ant/cut\.jpg"):
        train(small_keras, strict)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--data", "nowhere", "-o", "x.keras"], 1, "There is no data set"),
        (["--data", "{data}", "-o", "x.h5"], 2, "ends with .keras"),
        (
            ["--data", "{data}", "-o", "x.keras", "--strategy", "magic"],
            2,
            "expected one of: auto, finetune, head, scratch",
        ),
        (["--data", "{data}", "-o", "x.keras", "--augment", "heavy"], 2, "strong_mix"),
        (["--data", "{data}", "-o", "x.keras", "--crop", "3"], 2, "--crop is 3;"),
        (["--data", "{data}/train/ant", "-o", "x.keras"], 1, "without a label"),
    ],
)
def test_wrong_usage_is_one_message(
    arguments: list[str], status: int, message: str, small_keras: Path, pictures: Path, tmp_path: Path
) -> None:
    filled = [argument.format(data=pictures) for argument in arguments]
    assert message in check_clean_failure(run_cli("train", small_keras, *filled, cwd=tmp_path), status)


def test_options_of_the_strategies_are_checked(small_keras: Path, pictures: Path) -> None:
    data = str(pictures)
    cases: list[tuple[TrainOptions, str]] = [
        (TrainOptions(data, "head", {"augment": "flip"}), "cached features"),
        (TrainOptions(data, "finetune", QUICK, unfreeze=9), "has 3 blocks"),
    ]
    with pytest.raises(UsageError, match="epochs is 0; expected a whole number from 1"):
        TrainOptions(data, "scratch", {"epochs": 0})
    for options, message in cases:
        with pytest.raises(UsageError, match=message):
            train(small_keras, options)


def test_a_file_without_contract_is_trained_on_what_is_assumed_or_said(
    small_keras: Path, pictures: Path, tmp_path: Path
) -> None:
    model: Any = keras_file.load(small_keras)[0]
    model.save(tmp_path / "plain.keras", save_format="keras")
    quick: dict[str, Any] = {"epochs": 1}
    trained = train(tmp_path / "plain.keras", TrainOptions(str(pictures), "head", quick))
    assert any("The file has no contract" in sentence for sentence in trained.contract.assumed)
    assert len(trained.contract.labels) == trained.model.output_shape[-1]
    hints = Hints(mean=(0.0,), std=(255.0,), color="rgb", fit="stretch")
    said = train(tmp_path / "plain.keras", TrainOptions(str(pictures), "head", quick, hints=hints))
    assert said.contract.preprocessing.std == (255.0,) and said.contract.assumed == ()


@pytest.mark.parametrize(
    ("strategy", "wrong", "message"),
    [
        ("auto", {"unfreeze": 9}, "expected 0 to 3"),
        ("auto", {"unfreeze": -1}, "unfreeze is -1; expected a whole number of at least 0"),
        ("auto", {"teacher": "none.keras"}, r"none\.keras"),
        ("head", {"unfreeze": 1}, "the strategy head trains a fixed set of layers"),
        ("scratch", {"unfreeze": 1}, "the strategy scratch trains a fixed set of layers"),
        ("auto", {"overrides": {"temperature": 2.0}}, "--temperature is used only with a teacher"),
        ("auto", {"overrides": {"distillation_weight": 0.5}}, "--distillation-weight is used only with a teacher"),
    ],
    ids=str,
)
def test_what_can_not_be_is_refused_before_anything_is_trained(
    strategy: str, wrong: dict[str, Any], message: str, small_keras: Path, pictures: Path
) -> None:
    said: list[str] = []
    with pytest.raises(EdgecnnError, match=message):
        train(
            small_keras, TrainOptions(str(pictures), strategy, **wrong), progress=lambda stage, *_: said.append(stage)
        )
    assert not [stage for stage in said if stage.startswith(("epoch", "features"))]

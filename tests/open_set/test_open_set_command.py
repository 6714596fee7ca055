"""From images to a model that answers "none of these": command, contract, and what says what of it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy.special import logsumexp, softmax
from tiny_models import CLASSES, classifier

from edgecnn import artifact
from edgecnn.cli import cli
from edgecnn.core.errors import ModelFileError, UsageError
from edgecnn.open_set import OpenSet, OpenSetSettings, set_rejection
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.rejection import NONE_OF_THESE, Rejection, judged
from edgecnn.runtime.run.answers import answer
from edgecnn.runtime.run.engine import Engine
from edgecnn.verification import Verification, verify

LABELS = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay")
LOWEST = 25.0  # percent, for which 20 images suffice


def images(folder: Path, seed: int, count: int, coarse: int) -> list[Path]:
    """Random images, blocks of so many pixels."""
    random, paths = np.random.default_rng(seed), []
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        blocks = random.integers(0, 256, (coarse, coarse, 3), dtype=np.uint8)
        paths.append(folder / f"{number}.png")
        cv2.imwrite(str(paths[-1]), cv2.resize(blocks, (32, 32), interpolation=cv2.INTER_NEAREST))
    return paths


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with names, its images, and others."""
    folder = tmp_path_factory.mktemp("open")
    for seed, label in enumerate(LABELS):
        images(folder / "own" / label, seed, 4, 2)
    images(folder / "others", 50, 40, 32)
    file = classifier()
    artifact.rewrite(folder / "m.tflite", file, file.contract.replace(labels=LABELS))
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def opened(work: Path) -> tuple[ModelFile, dict[str, Any]]:
    """Made by the command with the defaults, and what it said."""
    common = ("--data", work / "own", "--others", work / "others", "--false-alarm-rate", LOWEST)
    assert (
        run("open-set", work / "m.tflite", *common, "-o", work / "o.tflite", "--json", work / "o.json").exit_code == 0
    )
    return model_file.read(work / "o.tflite"), json.loads((work / "o.json").read_text())


def test_only_the_contract_changes(work: Path, opened: tuple[ModelFile, dict[str, Any]]) -> None:
    before, (after, said) = model_file.read(work / "m.tflite"), opened
    assert artifact.graph_bytes(after) == artifact.graph_bytes(before)
    assert after.contract.replace(rejection=None) == before.contract
    assert OpenSet.from_dict(said).to_dict() == said and said["rejection"] == after.contract.rejection.to_dict()
    assert Contract.from_dict(json.loads(after.contract.to_json())) == after.contract


def test_the_rate_is_that_of_the_images(work: Path, opened: tuple[ModelFile, dict[str, Any]]) -> None:
    engine = Engine(opened[0])
    accepted = [
        answer(engine, cv2.imread(str(path)), 1)[0]["label"] != NONE_OF_THESE
        for path in sorted((work / "others").iterdir())
    ]
    rejection = opened[0].contract.rejection
    assert rejection and rejection.rate_of == "others_accepted" and rejection.measured
    assert (sum(accepted), len(accepted)) == (rejection.measured.count, rejection.measured.total) == (10, 40)
    assert rejection.others == str(work / "others") and len(rejection.data_sha256) == 64


def test_without_others_the_own_images_are_rejected(work: Path) -> None:
    found = set_rejection(
        work / "m.tflite", work / "own.tflite", OpenSetSettings(str(work / "own"), false_alarm_rate=LOWEST)
    )
    assert found.rejection.rate_of == "own_rejected" and found.others_accepted is found.auroc is None
    assert found.own_rejected == found.rejection.measured and found.own_rejected.count == 10
    assert any("not known how many of them are accepted" in sentence for sentence in found.notes)


@pytest.mark.parametrize("score", ["energy", "max_logit", "probability"])
def test_scores_against_scipy(score: str, work: Path) -> None:
    file = model_file.read(work / "m.tflite")
    picture = cv2.imread(str(work / "others/3.png"))
    plain = Engine(file)
    logits, t = plain.scores(plain.prepare(picture)).astype(float), 1.7
    expected = {
        "energy": t * logsumexp(logits / t),
        "max_logit": logits.max(),
        "probability": softmax(logits / t).max(),
    }[score]
    for threshold, rejected in ((expected + 1e-9, True), (expected - 1e-9, False)):
        contract = file.contract.replace(rejection=Rejection(score, threshold, t))
        found = answer(Engine(dataclasses.replace(file, contract=contract)), picture, 3)
        assert [each["label"] == NONE_OF_THESE for each in found] == [True, *[False] * 3][not rejected :]
        assert found[-3]["probability"] == pytest.approx(softmax(logits / t).max(), abs=1e-6)
        assert found[0]["index"] == (-1 if rejected else int(logits.argmax()))


def test_a_background_class_is_none_of_these(work: Path) -> None:
    settings = OpenSetSettings(
        str(work / "own"), str(work / "others"), false_alarm_rate=LOWEST, background=("ant", "bee")
    )
    found = set_rejection(work / "m.tflite", work / "b.tflite", settings)
    assert found.rejection.background == ("ant", "bee")
    assert found.others_accepted is not None and found.others_accepted.total == 40 + 8  # and those of ant and bee
    assert found.own_rejected.total == 32
    best = [{"index": 0, "label": "ant", "id": None, "probability": 0.9}]
    assert [each["label"] for each in judged(best, 1.0, found.rejection)] == [NONE_OF_THESE, "ant"]
    assert judged(best, 1.0, None) == best


def test_classify_names_it_before_the_classes(work: Path, opened: tuple[ModelFile, dict[str, Any]]) -> None:
    paths = sorted((work / "others").iterdir())
    lines = run("classify", work / "o.tflite", *paths, "--top", 2).stdout.splitlines()
    named = [line for line in lines if line.endswith("  none of these") and "%" not in line]
    assert len(named) == 30 and len(lines) == 40 * 2 + 30
    result = json.loads(run("classify", work / "o.tflite", *paths, "--json", "-").stdout)
    first = [each["classes"][0] for each in result]
    assert sum(each == {"index": -1, "label": NONE_OF_THESE, "id": None, "probability": None} for each in first) == 30


def test_verify_tells_rate_and_calibration(
    work: Path, opened: tuple[ModelFile, dict[str, Any]], tmp_path: Path
) -> None:
    found = verify(work / "o.tflite", str(work / "m.tflite"), str(work / "own"), others=str(work / "others"))
    assert found.false_alarms == opened[0].contract.rejection.measured and found.others == str(work / "others")
    assert found.rejected == OpenSet.from_dict(opened[1]).own_rejected
    assert found.confidence == OpenSet.from_dict(opened[1]).confidence and found.confidence.coverage[-1] == 1
    assert found.agreement.percent == 100  # of what the model computes, not of what is rejected
    assert Verification.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert found.rejected.count and any(each.artifact.label == NONE_OF_THESE for each in found.answers)

    from edgecnn.reporting import report

    page = report(work / "o.tflite", found)
    assert "Risk-coverage curve" in page and "expected calibration error" in page and "false alarms" in page
    assert NONE_OF_THESE in page


def test_records_without_it_are_read(work: Path) -> None:
    found = verify(work / "m.tflite", str(work / "m.tflite"), str(work / "own"))
    assert found.rejected is found.false_alarms is None and found.confidence is not None
    values = {key: value for key, value in found.to_dict().items() if key not in ("confidence", "rejected", "others")}
    assert Verification.from_dict(values) == dataclasses.replace(found, confidence=None)
    contract = model_file.read(work / "m.tflite").contract
    old = {key: value for key, value in contract.to_dict().items() if key != "rejection"}
    assert Contract.from_dict(old) == contract


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"false_alarm_rate": 5.0}, "40 images of other things are too few for a false-alarm rate of 5 %; .* 100"),
        ({"false_alarm_rate": 5.0, "others": None}, "40 images of the classes are too few"),
        ({"background": ("aunt",)}, "none of the model's 10 labels. Did you mean ant"),
        ({"others": "own"}, "has images of ant, which is a class of the model"),
        ({"data": "others"}, "has no labels"),
    ],
)
def test_what_can_not_be_set_is_refused(work: Path, changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    values = {"data": "own", "others": "others", "false_alarm_rate": LOWEST, **changes}
    for name in ("data", "others"):
        values[name] = values[name] and str(work / values[name])
    with pytest.raises(UsageError, match=said):
        set_rejection(work / "m.tflite", tmp_path / "never.tflite", OpenSetSettings(**values))
    assert not (tmp_path / "never.tflite").exists()


def test_models_that_it_is_not_for(work: Path, tmp_path: Path) -> None:
    file, settings = model_file.read(work / "m.tflite"), OpenSetSettings(str(work / "own"), false_alarm_rate=LOWEST)
    gives = dataclasses.replace(file, contract=file.contract.replace(output="probabilities"))
    with pytest.raises(UsageError, match=r"--score energy needs logits, but .* is probabilities; expected probability"):
        set_rejection(gives, tmp_path / "never.tflite", dataclasses.replace(settings, score="energy"))
    ambiguous = dataclasses.replace(file, contract=file.contract.replace(labels=(NONE_OF_THESE, *LABELS[1:])))
    with pytest.raises(UsageError, match='Add --background "none of these"'):
        set_rejection(ambiguous, tmp_path / "never.tflite", settings)
    with pytest.raises(UsageError, match=r"--others needs an artifact .* Set one: edgecnn open-set"):
        verify(file, str(work / "m.tflite"), str(work / "own"), others=str(work / "others"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"score": "entropy"}, "rejection.score is 'entropy'"),
        ({"background": ["yak"]}, "rejection.background names 'yak'"),
        ({"temperature": 0}, "temperature"),
        ({"threshold": "high"}, "threshold"),
    ],
)
def test_contracts_by_strangers(opened: tuple[ModelFile, dict[str, Any]], changes: dict[str, Any], said: str) -> None:
    values = opened[0].contract.to_dict()
    values["rejection"] = {**values["rejection"], **changes}
    with pytest.raises(ModelFileError, match=said):
        Engine(dataclasses.replace(opened[0], contract=Contract.from_dict(values)))


def test_the_temperature_is_of_logits_only(opened: tuple[ModelFile, dict[str, Any]]) -> None:
    contract = opened[0].contract.replace(output="probabilities", rejection=Rejection("probability", 0.5, 2.0))
    with pytest.raises(ModelFileError, match="only logits have a temperature"):
        Engine(dataclasses.replace(opened[0], contract=contract))
    assert len(LABELS) == CLASSES

"""A task of another distribution (a regression) goes all the way without an edit in the package: annotations, head,
loss, metric, conversion, verification, ladder, answers, report and camera ask it alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from commands import run_cli

from edgecnn import reporting
from edgecnn.camera.frames import Frame
from edgecnn.camera.overlay import draw
from edgecnn.camera.recognize import Recognizer
from edgecnn.core.errors import ModelFileError
from edgecnn.core.registry import DATA_KINDS, TASKS
from edgecnn.ladder import Bounds
from edgecnn.ladder.climb import climb
from edgecnn.quantization import Calibration, quantize
from edgecnn.runtime import tasks as device
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.run.engine import Engine
from edgecnn.tasks import load, task_of
from edgecnn.training.record import TrainingRecord
from edgecnn.verification import Verification, verify

HERE = Path(__file__).parent / "dropped_in"
ENTRY_POINTS = """
[edgecnn.tasks.kinds]
brightness = brightness_on_hosts
[edgecnn.runtime.tasks]
brightness = brightness_on_devices
[edgecnn.data.kinds]
brightness = brightness_data
"""


@pytest.fixture(scope="module")
def brightness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The task is installed; yields a folder of images."""
    root = tmp_path_factory.mktemp("brightness")
    info = root / "site" / "brightness-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brightness\nVersion: 1\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (root / "images").mkdir()
    random = np.random.default_rng(0)
    for number in range(60):
        image = np.clip(random.normal(random.uniform(20, 235), 15, (32, 32, 3)), 0, 255).astype(np.uint8)
        cv2.imwrite(str(root / "images" / f"{number:02}.png"), image)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        patch.syspath_prepend(str(root / "site"))
        patch.setenv("EDGECNN_CACHE", str(root / "cache"))
        for registry in (TASKS, DATA_KINDS):
            registry.__dict__.pop("_entry_points", None)
        yield root
    for registry in (TASKS, DATA_KINDS):
        registry.__dict__.pop("_entry_points", None)


@pytest.fixture(scope="module")
def trained(brightness: Path) -> Any:
    from edgecnn.core.compat.tensorflow import keras
    from edgecnn.float_model import keras_file
    from edgecnn.models import blocks
    from edgecnn.models.blocks import Style
    from edgecnn.training import TrainOptions, train

    keras.utils.set_random_seed(0)
    image = blocks.picture((16, 16, 3))
    x = blocks.conv_bn(image, 8, "block0", Style("relu6", momentum=0.9), kernel=3, stride=2)
    model = keras.Model(image, blocks.classifier(blocks.pool(x), 3, 0.0), name="meter")
    contract = Contract(Preprocessing(16, 16, crop=1.0), labels=("a", "b", "c"))
    keras_file.save(model, contract, brightness / "classifier.keras")
    settings = {"epochs": 60, "batch_size": 16, "learning_rate": 0.02, "augment": "none"}
    options = TrainOptions(f"brightness:{brightness / 'images'}", "scratch", settings)
    found = train(brightness / "classifier.keras", options)
    keras_file.save(found.model, found.contract, brightness / "meter.keras")
    return found


@pytest.fixture(scope="module")
def artifact(brightness: Path, trained: Any) -> Path:
    path = brightness / "meter.tflite"
    quantize(brightness / "meter.keras", path, calibration=Calibration(f"brightness:{brightness / 'images'}", 16))
    return path


def test_it_is_trained_with_its_own_loss_and_metric(trained: Any) -> None:
    assert (trained.contract.task, trained.contract.output, trained.contract.labels) == ("brightness", "value", ())
    assert trained.model.output_shape == (None, 1)
    assert trained.phases[0].history.best.validation_accuracy_percent == trained.validation.accuracy_percent > 80
    assert trained.contract.accuracy.trained.keys() == {"validation_near_percent"}
    values = json.loads(json.dumps(trained.record().to_dict()))
    assert "near_percent" in values["validation"] and TrainingRecord.from_dict(values) == trained.record()


def test_it_is_converted_verified_and_answers(brightness: Path, artifact: Path) -> None:
    file = model_file.read(artifact)
    assert task_of(file.contract) is load("brightness") and file.contract.golden is not None
    data = f"brightness:{brightness / 'images'}"
    found = verify(file, brightness / "meter.keras", data)
    assert found.golden is not None and found.golden.passed and found.task == "brightness"
    assert found.agreement.percent > 90 and found.metrics["near"].artifact.percent > 80
    assert found.answers[0].artifact.extra["unit"] == "of white" and float(found.answers[0].truth or "") <= 1
    assert Verification.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    page = reporting.report(artifact, found)
    assert "A brightness meter as int8" in page and "within 0.1" in page and "top-1" not in page
    image = next((brightness / "images").iterdir())
    (answer,) = _classified(artifact, image)
    assert abs(answer["probability"] - cv2.imread(str(image)).mean() / 255) < 0.2


def _classified(artifact: Path, image: Path) -> list[dict[str, Any]]:
    from edgecnn.runtime.run.answers import answer_files

    answers: list[dict[str, Any]] = answer_files(model_file.read(artifact), [str(image)])[0]["brightness"]
    return answers


def test_the_ladder_holds_it_against_its_own_metric(brightness: Path, trained: Any) -> None:
    data = f"brightness:{brightness / 'images'}"
    climbed = climb(brightness / "meter.keras", brightness / "c.tflite", Bounds(max_drop=50.0), data,
                    calibration=Calibration(data, 8))  # fmt: skip
    assert climbed.reached and climbed.tried[0].metric is not None
    assert climbed.tried[0].pictures + climbed.left_out == 60 and climbed.left_out >= 8  # trained on too


def test_the_camera_shows_it(artifact: Path) -> None:
    recognizer = Recognizer(Engine(model_file.read(artifact), 1))
    white = np.full((60, 80, 3), 250, np.uint8)
    answer = recognizer.answer(Frame(1, white, "bgr", 0.0, 0.1))
    assert answer.sure and answer.text == answer.classes[0]["label"]
    drawn = draw(answer)
    assert drawn.shape == white.shape and (drawn != white).any()


def test_a_task_that_is_unknown_is_one_sentence() -> None:
    contract = Contract(Preprocessing(8, 8), task="mind_reading")
    with pytest.raises(
        ModelFileError, match=r"for the task 'mind_reading', but this edgecnn supports only .*classification"
    ):
        device.task_of(contract)
    with pytest.raises(ModelFileError, match="output is 'boxes'; expected one of logits, probabilities"):
        device.task_of(Contract(Preprocessing(8, 8), output="boxes"))


@pytest.mark.parametrize("registry", [TASKS])
def test_every_task_has_both_sides(registry: Any) -> None:
    assert "classification" in registry.names()
    for name in registry._files:
        task = load(name)
        assert task.name == task.device.name == name and task.trained_output in task.device.outputs
        assert task.metric in task.titles


def test_runs_without_it_elsewhere(artifact: Path) -> None:
    """Where the task is not installed, its model is refused in one sentence."""
    done = run_cli("classify", str(artifact), "nothing.png")
    assert done.returncode == 1 and "task 'brightness'" in done.stderr and "Traceback" not in done.stderr

"""Teachers by others: their features and logits, on images with and without labels."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.core.errors import ModelFileError, UsageError
from edgecnn.data import open_data
from edgecnn.data.seen import Seen
from edgecnn.encoders import EncoderHints, kept_outputs, open_encoder
from edgecnn.float_model import keras_file
from edgecnn.training import TrainOptions, train
from edgecnn.training.imitation import LogitMatching
from edgecnn.training.settings import FitSettings, LessonSettings

QUICK: dict[str, Any] = {"epochs": 2, "batch_size": 16, "augment": "flip"}
RAW = EncoderHints(encoder_mean=(0.0,), encoder_std=(255.0,))


def encoder_file(path: Path, weights: np.ndarray) -> Path:
    """An encoder by others, without contract: a linear map of the mean color, 0..1, of 24 pixels."""
    from edgecnn.core.compat.tensorflow import keras

    image = keras.Input((24, 24, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(image)
    dense = keras.layers.Dense(weights.shape[1], use_bias=False)
    model = keras.Model(image, dense(pooled))
    dense.set_weights([weights.astype(np.float32)])
    keras_file.save(model, None, path)
    return path


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encoder_file(tmp_path_factory.mktemp("encoder") / "e.keras", np.random.default_rng(0).normal(size=(3, 6)))


@pytest.fixture(scope="module")
def unlabeled(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All training images without their classes, and three that are none of them."""
    folder = tmp_path_factory.mktemp("unlabeled")
    for number, path in enumerate(sorted(pictures.glob("train/*/*.png"))):
        shutil.copy(path, folder / f"{number}.png")
    for number, path in enumerate(sorted(pictures.glob("test/*/*.png"))[:3]):
        shutil.copy(path, folder / f"other{number}.png")
    return folder


@pytest.fixture(scope="module")
def extra(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four images that are none of the others to a digest, and one that is a training image."""
    folder = tmp_path_factory.mktemp("extra")
    paths = sorted(pictures.glob("train/*/*.png"))
    for number, path in enumerate(paths[:4]):
        (folder / f"{number}.png").write_bytes(path.read_bytes() + b"\0")
    shutil.copy(paths[5], folder / "known.png")
    return folder


def test_features_are_learned_and_the_projection_is_dropped(
    small_keras: Path, pictures: Path, encoder: Path, unlabeled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = LessonSettings(distill_epochs=6, encoder=RAW)
    settings = {**QUICK, "learning_rate": 1e-2}
    options = TrainOptions(str(unlabeled), "scratch", settings, teacher=str(encoder), lesson=lesson)
    found = train(small_keras, options)
    epochs = found.phases[0].history.epochs
    assert [phase.name for phase in found.phases] == ["distill"] and len(epochs) == 6
    # a linear map of the mean color is easily learned: far better than at the beginning, and well correlated
    assert epochs[-1].validation_accuracy_percent > max(60, epochs[0].validation_accuracy_percent)
    assert found.record().metric == "similarity to the teacher"
    assert "teacher_projection" not in {layer.name for layer in found.model.layers}
    assert found.model.output_shape == (None, 3)
    assert any("last layer does not fit" in sentence for sentence in found.contract.assumed)
    assert found.contract.provenance.extra["teacher"]["learned"] == "features"
    monkeypatch.setattr(kept_outputs, "_computed", lambda *_: pytest.fail("computed again"))
    train(small_keras, options)


def test_features_then_labels(small_keras: Path, pictures: Path, encoder: Path, extra: Path) -> None:
    lesson = LessonSettings(unlabeled=str(extra), distill_epochs=1, encoder=RAW)
    found = train(small_keras, TrainOptions(str(pictures), "auto", QUICK, teacher=str(encoder), lesson=lesson))
    assert [phase.name for phase in found.phases] == ["distill", "head", "finetune"]
    assert found.contract.labels == ("ant", "bee", "cat") and not found.contract.assumed
    assert found.test is not None and found.record().metric == "top-1"
    # what is in a split is no unlabeled image: nothing of validation or test is learned
    assert any(each.startswith("1 image of") and "also in --data" in each for each in found.report.notes)
    assert any(each.startswith("unlabeled: 4 images") for each in found.report.notes)


@pytest.mark.parametrize("as_probabilities", [False, True])
def test_logits_on_images_without_labels(
    small_keras: Path, pictures: Path, unlabeled: Path, tmp_path: Path, as_probabilities: bool
) -> None:
    """The teacher knows red, green and blue, in an order of its own; the classes' images are of these colors."""
    from edgecnn.core.compat.tensorflow import keras

    teacher = encoder_file(tmp_path / "t.keras", 12 * np.eye(3)[:, [2, 0, 1]])
    if as_probabilities:
        model, _ = keras_file.load(teacher)
        keras_file.save(keras.Model(model.input, keras.layers.Softmax()(model.output)), None, teacher)
    (tmp_path / "labels.txt").write_text("blue\nred\ngreen\n")
    lesson = LessonSettings(teacher_labels=tmp_path / "labels.txt", encoder=RAW)
    settings = {"epochs": 8, "batch_size": 8, "learning_rate": 5e-3, "augment": "none"}
    found = train(small_keras, TrainOptions(str(unlabeled), "scratch", settings, teacher=str(teacher), lesson=lesson))
    assert found.contract.labels == ("blue", "red", "green")
    assert found.record().metric == "agreement with the teacher"
    assert found.validation.accuracy_percent >= 80


def test_labels_and_logits_together(small_keras: Path, pictures: Path, extra: Path, tmp_path: Path) -> None:
    teacher = encoder_file(tmp_path / "t.keras", 4 * np.eye(3)[:, [2, 0, 1]])
    (tmp_path / "labels.txt").write_text("cat\nant\nbee\n")
    lesson = LessonSettings(teacher_labels=tmp_path / "labels.txt", unlabeled=str(extra), encoder=RAW)
    found = train(small_keras, TrainOptions(str(pictures), "head", {"epochs": 2}, teacher=str(teacher), lesson=lesson))
    assert found.contract.provenance.training is not None
    assert found.contract.provenance.training.pictures["train"] == 65 + 4
    seen = Seen.read(found.contract.provenance)
    assert all(digest in seen for digest in open_data(str(extra)).digests())


def test_the_loss_of_labels_and_logits() -> None:
    """Against the formula by hand: an image with a label, one without."""
    truths = np.array([[1, 2.0, 0.0, -1.0], [-1, 0.5, 1.0, 3.0]], np.float32)
    outputs = np.array([[0.3, -0.2, 1.0], [1.0, 2.0, -0.5]], np.float32)
    settings = FitSettings(temperature=2.0, distillation_weight=0.6, label_smoothing=0.0)
    rows = np.arange(2)

    class Unmixed:
        kept = np.ones(2)

    targets, weights = LogitMatching().encoder(truths, None, settings)(rows, rows, Unmixed())  # type: ignore[arg-type]
    losses = LogitMatching().losses(outputs, targets, settings).numpy()

    def log_softmax(values: np.ndarray) -> np.ndarray:
        return values - np.log(np.exp(values).sum())

    by_teacher = [-(np.exp(log_softmax(t[1:] / 2)) * log_softmax(o / 2)).sum() * 4 for t, o in zip(truths, outputs)]
    by_label = -log_softmax(outputs[0])[1]
    assert losses == pytest.approx([0.4 * by_label + 0.6 * by_teacher[0], by_teacher[1]], rel=1e-5)
    assert (weights == 1).all()


def test_a_classifier_of_other_classes_teaches_features(small_keras: Path, tiny_keras: Path, pictures: Path) -> None:
    options = TrainOptions(str(pictures), "scratch", QUICK, teacher=str(tiny_keras))
    with pytest.raises(UsageError, match=r"expected the classes of the data.*--distill features"):
        train(small_keras, options)
    lesson = LessonSettings(distill="features", distill_epochs=1)
    found = train(
        small_keras, TrainOptions(str(pictures), "head", {"epochs": 1}, teacher=str(tiny_keras), lesson=lesson)
    )
    assert [phase.name for phase in found.phases] == ["distill", "head"]
    encoder = open_encoder(tiny_keras, EncoderHints())
    assert found.contract.provenance.extra["teacher"]["size"] == encoder.size == 256


@pytest.mark.parametrize(
    ("lesson", "message"),
    [
        (LessonSettings(), "does not say how its input is normalized.*Give --encoder-mean and --encoder-std"),
        (LessonSettings(distill="logits"), "does not name the classes of its logits.*--teacher-labels"),
        (LessonSettings(encoder=EncoderHints(encoder_mean=(1.0, 2.0), encoder_std=(1.0,))), "mean .* has 2 values"),
        (LessonSettings(encoder=EncoderHints(encoder_size=99)), "fixed input of 24 x 24"),
        (LessonSettings(encoder=EncoderHints(encoder_output="no")), "has no layer no"),
    ],
)
def test_what_a_teacher_lacks(
    small_keras: Path, pictures: Path, encoder: Path, lesson: LessonSettings, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        train(small_keras, TrainOptions(str(pictures), "head", teacher=str(encoder), lesson=lesson))


def test_wrong_teachers(small_keras: Path, pictures: Path, encoder: Path, unlabeled: Path, tmp_path: Path) -> None:
    data = str(pictures)
    with pytest.raises(ModelFileError, match=r"Can't read .*none\.keras: No such file"):
        train(small_keras, TrainOptions(data, "head", teacher=str(tmp_path / "none.keras")))
    (tmp_path / "e.pt").write_text("")
    with pytest.raises(ModelFileError, match=r"expected a \.keras, \.h5, \.hdf5 or \.onnx file"):
        train(small_keras, TrainOptions(data, "head", teacher=str(tmp_path / "e.pt")))
    (tmp_path / "labels.txt").write_text("ant\nbee\n")
    lesson = LessonSettings(teacher_labels=tmp_path / "labels.txt", encoder=RAW)
    with pytest.raises(ModelFileError, match="has 2 labels for 6 classes"):
        train(small_keras, TrainOptions(data, "head", teacher=str(encoder), lesson=lesson))
    with pytest.raises(UsageError, match="--unlabeled is used only with a teacher"):
        train(small_keras, TrainOptions(data, "head", lesson=LessonSettings(unlabeled=data)))
    with pytest.raises(UsageError, match="--temperature is used only with a teacher's logits"):
        train(small_keras, TrainOptions(data, "head", {"temperature": 2.0}, teacher=str(encoder)))

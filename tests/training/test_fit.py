"""The fitting loop: it learns, repeats itself, survives kill -9, and leaves alone what is frozen."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.compression.clustering import Clustering
from edgecnn.compression.codebook import Codebook
from edgecnn.compression.zeros import Zeroing
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import EdgecnnError, UsageError
from edgecnn.float_model import keras_file
from edgecnn.models.heads import with_dense_head
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.tasks import Score, task_of
from edgecnn.training import FitSettings, Teacher, TrainingRows, open_rows
from edgecnn.training.epoch import Epoch
from edgecnn.training.fit import fit
from edgecnn.training.history import kept_of
from edgecnn.training.learner import Learner, Trainee
from edgecnn.training.model import block_count, blocks_from, unfreeze

THREE = Contract(Preprocessing(32, 32), labels=("ant", "bee", "cat"))
SETTINGS = {"epochs": 4, "batch_size": 16, "augment": "strong_mix", "save_every_steps": 3, "keep_best": False}


def blobs(count: int = 200, seed: int = 0) -> TrainingRows:
    """Three clouds of 8 features."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    centers = np.random.default_rng(99).normal(0, 2, (3, 8))
    features = (centers[labels] + random.normal(0, 1, (count, 8))).astype(np.float32)
    return TrainingRows(features, np.arange(count), labels, THREE, f"blobs {seed}", are_features=True)


def linear(dropout: float = 0.0, seed: int = 0, *, norm: bool = False) -> Any:
    keras.utils.set_random_seed(seed)
    inputs = x = keras.Input((8,), name="features")
    if norm:
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="logits")(x), name="linear")


def prepared(model_file: Path, data: Path, *, batch_norms: bool = False) -> tuple[Any, dict[str, TrainingRows]]:
    model, contract = keras_file.load(model_file)
    assert contract is not None
    sources, _ = open_rows(str(data), contract.replace(labels=("ant", "bee", "cat")))
    model = with_dense_head(model, 3)
    unfreeze(model, batch_norms=batch_norms)
    return model, sources


def test_learns_as_well_as_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    train, test = blobs(600), blobs(400, seed=1)
    model = linear()
    settings = FitSettings(epochs=30, learning_rate=3e-2, label_smoothing=0.0, weight_decay=0.0, augment="none")
    history = fit(model, train, test, settings)
    peer = LogisticRegression().fit(train.inputs, train.truths).score(test.inputs, test.truths)
    assert history.best.validation_accuracy_percent >= 100 * peer - 1.5
    answers = model.predict(test.inputs, verbose=0).argmax(axis=1)
    assert np.isclose(100 * (answers == test.truths).mean(), history.best.validation_accuracy_percent)


def test_repeats_itself_and_another_seed_does_not() -> None:
    def weights(seed: int) -> np.ndarray:
        model = linear(dropout=0.5)
        fit(model, blobs(), blobs(seed=1), FitSettings(epochs=2, augment="none", seed=seed))
        return np.asarray(model.get_weights()[0])

    first, second, other = weights(1), weights(1), weights(2)
    assert (first == second).all() and not np.allclose(first, other)


def test_resume_after_kill_is_exact(small_keras: Path, pictures: Path, tmp_path: Path) -> None:
    script = Path(__file__).with_name("one_worker.py")
    job = {"model": str(small_keras), "data": str(pictures), "run": str(tmp_path / "run"), "settings": SETTINGS}
    job |= {"out": str(tmp_path / "never.npz"), "batch_norms": True, "die_at_step": 8}
    killed = subprocess.run([sys.executable, str(script), json.dumps(job)], timeout=300, check=False)
    assert killed.returncode == -9

    results = []
    for folder in (tmp_path / "run", None):
        model, sources = prepared(small_keras, pictures, batch_norms=True)
        history = fit(model, sources["train"], sources["validation"], FitSettings(**SETTINGS), folder=folder)
        results.append((history, model.get_weights()))
    (resumed, weights), (whole, expected) = results
    assert resumed.resumed_at_step == 6 and whole.resumed_at_step == 0  # saved after steps 3, 4 (an epoch) and 6
    for mine, theirs in zip(weights, expected):
        np.testing.assert_array_equal(mine, theirs)
    assert [epoch.loss for epoch in resumed.epochs] == [epoch.loss for epoch in whole.epochs]
    events = list((tmp_path / "run" / "tensorboard").iterdir())
    logged = [value.tag for file in events for event in _events(file) for value in event.summary.value]
    assert "loss/train" in logged and "accuracy_percent/validation" in logged


def _events(file: Path) -> Any:
    return [tf.compat.v1.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(file))]


class Stop(keras.callbacks.Callback):
    """A Ctrl-C after so many steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._steps = steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if int(self.model.optimizer.iterations) == self._steps:
            raise KeyboardInterrupt


@pytest.mark.parametrize("stop", [5, 14])
@pytest.mark.parametrize("method", ["magnitude", "clusters"])
def test_zeros_and_clusters_go_on_where_they_were(method: str, stop: int, tmp_path: Path) -> None:
    def run(folder: Path | None, *more: Any) -> np.ndarray:
        model = linear()
        kernels = {"logits": model.get_layer("logits").kernel}
        if method == "magnitude":
            callback: Any = Zeroing(kernels, {"logits": 0.7}, 16)
        else:
            callback = Clustering(kernels, {"logits": Codebook.even(3)})
        settings = FitSettings(epochs=4, augment="none", learning_rate=0.05, batch_size=50, save_every_steps=3)
        fit(
            model, blobs(), blobs(seed=1), settings.replace(keep_best=False), callbacks=[callback, *more], folder=folder
        )
        return np.asarray(kernels["logits"].numpy())

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Stop(stop))
    resumed, whole = run(tmp_path), run(None)
    np.testing.assert_array_equal(resumed, whole)
    assert (whole == 0).mean() > 0.6 if method == "magnitude" else len(np.unique(whole)) <= 3 * 7


def test_another_task_does_not_take_up_the_checkpoint(tmp_path: Path) -> None:
    settings = FitSettings(epochs=2, augment="none")
    fit(linear(), blobs(), blobs(seed=1), settings, folder=tmp_path)
    assert fit(linear(), blobs(), blobs(seed=1), settings, folder=tmp_path).resumed_at_step == 6
    assert fit(linear(), blobs(seed=5), blobs(seed=1), settings, folder=tmp_path).resumed_at_step == 0
    for changed in (  # what the network sees, and what a detector's outputs are corrections of
        THREE.replace(preprocessing=dataclasses.replace(THREE.preprocessing, mean=(0.0,), std=(255.0,))),
        THREE.replace(extra={"anchors": [1, 2]}),
    ):
        rows = [dataclasses.replace(blobs(seed=seed), contract=changed) for seed in (0, 1)]
        assert fit(linear(), *rows, settings, folder=tmp_path).resumed_at_step == 0
    (tmp_path / "checkpoint.npz").write_bytes(b"PK not a checkpoint")
    assert fit(linear(), blobs(), blobs(seed=1), settings, folder=tmp_path).resumed_at_step == 0


@pytest.mark.parametrize("method", ["magnitude", "clusters"])
def test_another_sparsity_or_codebook_does_not_take_up_the_checkpoint(method: str, tmp_path: Path) -> None:
    def resumed_at(size: int) -> int:
        model = linear()
        kernels = {"logits": model.get_layer("logits").kernel}
        callback: Any = Clustering(kernels, {"logits": Codebook.even(size)})
        if method == "magnitude":
            callback = Zeroing(kernels, {"logits": size / 10}, 6)
        settings = FitSettings(epochs=2, augment="none", keep_best=False)
        return fit(model, blobs(), blobs(seed=1), settings, callbacks=[callback], folder=tmp_path).resumed_at_step

    assert [resumed_at(size) for size in (5, 5, 7)] == [0, 6, 0]


@pytest.mark.parametrize("norm", [False, True], ids=["plain", "with batch norm statistics"])
def test_a_moving_average_is_kept_and_resumed(norm: bool, tmp_path: Path) -> None:
    """What is kept is the average that the steps' weights have by its definition, also after an interruption."""
    settings = FitSettings(epochs=3, batch_size=50, augment="none", weight_average=0.9, keep_best=False)
    steps: list[list[np.ndarray]] = []

    class Watching(keras.callbacks.Callback):  # type: ignore[misc]
        def __init__(self, stop: int = 0) -> None:
            super().__init__()
            self.stop = stop

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            steps.append(self.model.get_weights())
            if len(steps) == self.stop:
                raise KeyboardInterrupt

    model = linear(norm=norm)
    averages = model.get_weights()
    fit(model, blobs(), blobs(seed=1), settings, callbacks=[Watching()])
    for number, weights in enumerate(steps):
        decay = min(0.9, (1 + number) / (10 + number))
        averages = [old * decay + new * (1 - decay) for old, new in zip(averages, weights)]
    assert len(steps) == 12
    assert all(np.allclose(*pair, atol=1e-6) for pair in zip(model.get_weights(), averages))
    steps.clear()
    resumed = linear(norm=norm)
    with pytest.raises(KeyboardInterrupt):
        fit(resumed, blobs(), blobs(seed=1), settings, callbacks=[Watching(stop=6)], folder=tmp_path)
    fit(resumed := linear(norm=norm), blobs(), blobs(seed=1), settings, folder=tmp_path)
    assert all(np.array_equal(*pair) for pair in zip(resumed.get_weights(), model.get_weights()))


def test_an_evaluation_that_fails_leaves_the_own_weights_in_the_model() -> None:
    settings = FitSettings(epochs=1, batch_size=50, augment="none", weight_average=0.9)
    learner = Learner(Trainee.of(linear()), settings, blobs().preprocessing, steps=4, batch_size=50)
    learner.model.set_weights([weights + 1 for weights in learner.model.get_weights()])
    own = learner.model.get_weights()
    with pytest.raises(ZeroDivisionError), learner.averaged():
        assert not np.allclose(learner.model.get_weights()[0], own[0])
        raise ZeroDivisionError
    assert all(np.array_equal(*pair) for pair in zip(learner.model.get_weights(), own))


def test_stops_early_and_keeps_the_best_epoch() -> None:
    noise = TrainingRows(
        blobs().inputs, np.arange(60), np.random.default_rng(3).integers(0, 3, 60), THREE, "noise", are_features=True
    )
    model = linear()
    settings = FitSettings(epochs=60, batch_size=20, learning_rate=0.3, patience=3, augment="none", warmup=0.0)
    history = fit(model, noise, blobs(seed=1), settings)
    accuracies = [epoch.validation_accuracy_percent for epoch in history.epochs]
    assert history.stopped_early and len(accuracies) == history.best_epoch + 3 < 60
    assert history.best.validation_accuracy_percent == max(accuracies)
    answers = model.predict(blobs(seed=1).inputs, verbose=0).argmax(axis=1)
    assert np.isclose(100 * (answers == blobs(seed=1).truths).mean(), max(accuracies))


@pytest.mark.parametrize(
    ("error", "accuracies", "kept"),
    [
        (0.0, [50, 70, 69, 70], 2),  # without an error the first of the best
        (2.0, [50, 70, 69, 67], 3),
        (2.0, [50, 70, 65, 68], 4),
        (2.0, [50, 70, 65, 60], 2),
        (9.0, [66, 67, 68, 70], 4),
        (9.0, [70], 1),
    ],
)
def test_the_last_epoch_within_a_standard_error_is_kept(error: float, accuracies: list[float], kept: int) -> None:
    epochs = [Epoch(n + 1, 1.0, 50.0, 1.0, each, 1e-3, 1.0, error) for n, each in enumerate(accuracies)]
    assert kept_of(epochs).epoch == kept


def test_the_weights_of_the_kept_epoch_are_the_models() -> None:
    """As told by a task with a standard error of 100 %: the last ones, though an earlier epoch was better."""
    seen: list[tuple[float, list[np.ndarray]]] = []

    class Unsure(type(task_of(THREE))):  # type: ignore[misc]
        def score(self, *given: Any) -> Score:
            found = super().score(*given)
            seen.append((found.accuracy_percent, model.get_weights()))
            return dataclasses.replace(found, standard_error_percent=100.0)

    model, validation = linear(), blobs(seed=1)
    noise = dataclasses.replace(blobs(), truths=np.random.default_rng(3).integers(0, 3, 200))
    unsure = dataclasses.replace(validation, lesson=Unsure())
    settings = FitSettings(epochs=6, batch_size=20, learning_rate=0.3, augment="none", warmup=0.0)
    history = fit(model, noise, unsure, settings)
    assert history.best_epoch == 6 and max(seen, key=lambda each: each[0])[0] > seen[-1][0]
    assert all(np.array_equal(*pair) for pair in zip(model.get_weights(), seen[-1][1]))


def test_divergence_is_one_sentence() -> None:
    broken = TrainingRows(
        np.full((32, 8), np.nan, np.float32), np.arange(32), np.zeros(32, np.int64), THREE, "nan", are_features=True
    )
    with pytest.raises(EdgecnnError, match="--learning-rate"):
        fit(linear(), broken, broken, FitSettings(epochs=1, augment="none"))


def test_frozen_layers_and_batch_norms_keep_every_weight(small_keras: Path, pictures: Path) -> None:
    model, sources = prepared(small_keras, pictures)
    unfreeze(model, 2)
    before = {layer.name: layer.get_weights() for layer in model.layers}
    settings = FitSettings(epochs=1, batch_size=16, augment="flip")
    fit(model, sources["train"], sources["validation"], settings.replace(keep_best=False))
    first = block_count(model) - 2
    for layer in model.layers:
        moved = any((a != b).any() for a, b in zip(layer.get_weights(), before[layer.name]))
        number = int(layer.name.split("_")[0][5:]) if layer.name.startswith("block") else None
        late = layer.name.startswith(("top", "logits")) or (number is not None and number >= first)
        assert moved == (late and bool(layer.weights) and "_bn" not in layer.name), layer.name


def test_blocks_are_counted_from_the_first_of_a_stride() -> None:
    x = inputs = keras.Input((64, 64, 3))
    for number, stride in enumerate((2, 2, 1, 2)):  # maps of the strides 2, 4, 4, 8
        x = keras.layers.Conv2D(4, 1, strides=stride, name=f"block{number}_conv")(x)
        if number == 0:  # a squeeze-excite looks at the whole image, at whatever stride
            gate = keras.layers.GlobalAveragePooling2D(keepdims=True, name="block0_se_pool")(x)
            x = keras.layers.Multiply(name="block0_se_scale")([x, gate])
    model = keras.Model(inputs, x)
    assert [blocks_from(model, stride) for stride in (2, 4, 8, 16)] == [4, 3, 1, None]


def test_backbone_learns_more_slowly(small_keras: Path, pictures: Path) -> None:
    model, sources = prepared(small_keras, pictures)
    settings = FitSettings(epochs=1, batch_size=16, backbone_learning_rate=1e-4, warmup=0.0, weight_decay=0.0)
    kernel, bias = model.layers[-1].get_weights()  # at zero it would pass no gradient on
    model.layers[-1].set_weights([np.random.default_rng(0).normal(size=kernel.shape), bias])
    learner = Learner(model, settings, sources["train"].preprocessing, steps=100, batch_size=16)
    before = [weight.numpy() for weight in model.trainable_weights]
    inputs, labels = sources["train"].batch(np.arange(16)), sources["train"].truths[:16]
    learner.step(tf.constant(0), inputs, tf.one_hot(labels, 3), tf.ones(16))
    steps = {w.name: np.abs(w.numpy() - b).max() for w, b in zip(model.trainable_weights, before)}
    # Adam's first step is the learning rate itself wherever there is a gradient.
    assert np.isclose(steps["logits/bias:0"], 1e-3, rtol=1e-2)
    kernels = [step for name, step in steps.items() if "conv" in name and step > 0]
    assert len(kernels) > 5 and max(kernels) <= 1.01e-4


def test_distillation_loss_is_hintons() -> None:
    student, teacher = linear(seed=1), linear(seed=2)
    source, temperature, share = blobs(32), 3.0, 0.6
    settings = FitSettings(temperature=temperature, distillation_weight=share, augment="none")
    guide = _FeatureTeacher(teacher)
    learner = Learner(student, settings, None, steps=10, batch_size=32, teacher=guide)
    targets = np.eye(3, dtype=np.float32)[source.truths]
    logits, wanted = student(source.inputs).numpy(), teacher(source.inputs).numpy()[:, [2, 0, 1]]
    loss = float(learner.step(tf.constant(0), source.inputs, targets, tf.ones(32))[0])

    def softmax(x: np.ndarray) -> np.ndarray:
        powers = np.exp(x - x.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    hard = -np.log(softmax(logits))[np.arange(32), source.truths]
    soft = -(softmax(wanted / temperature) * np.log(softmax(logits / temperature))).sum(axis=1)
    assert np.isclose(loss, ((1 - share) * hard + share * temperature**2 * soft).sum(), rtol=1e-5)


class _FeatureTeacher(Teacher):
    """A double of a teacher: it sees features, not images."""

    def __init__(self, model: Any) -> None:
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "order", (2, 0, 1))

    def answer(self, pixels: Any) -> Any:
        return tf.gather(self.model(pixels), self.order, axis=1)


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"learning_rate": 11}, {"augment": "heavy"}, {"label_smoothing": 1}])
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(map(str, wrong.values())))):
        FitSettings(**wrong)

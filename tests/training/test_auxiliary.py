"""Auxiliary classifiers: their losses count, they train what is before them, and they stay behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import run_cli

from edgecnn.builder import build_model
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.float_model import keras_file
from edgecnn.models.families import googlenet
from edgecnn.models.heads import with_dense_head
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.training import FitSettings, TrainingRows, TrainOptions, train
from edgecnn.training.fit import fit
from edgecnn.training.learner import Learner, Trainee

PLAIN = Preprocessing(32, 32, mean=(0.0,), std=(1.0,))
EXACT = FitSettings(epochs=1, batch_size=6, warmup=0.0, weight_decay=0.0, augment="none", keep_best=False)


def small() -> tuple[Any, Trainee]:
    """A narrow GoogLeNet without dropout."""
    keras.utils.set_random_seed(0)
    model = googlenet.build(input_shape=(32, 32, 3), classes=3, width=0.1, dropout=0.0)
    return model, Trainee(model, *googlenet.training_model(model, 0.0))


def noise(count: int = 12) -> TrainingRows:
    pictures = np.random.default_rng(0).integers(0, 3, (count, 32, 32, 3)).astype(np.uint8)
    return TrainingRows(
        pictures, np.arange(count), np.arange(count) % 3, Contract(PLAIN, labels=("a", "b", "c")), "noise"
    )


def one_step(trainee: Any) -> float:
    learner = Learner(trainee, EXACT, PLAIN, steps=10, batch_size=6)
    source = noise()
    targets = np.eye(3, dtype=np.float32)[source.truths[:6]]
    return float(learner.step(tf.constant(0), source.batch(np.arange(6)), targets, tf.ones(6))[0])


def moved(model: Any, before: dict[str, list[np.ndarray]]) -> set[str]:
    return {
        layer.name
        for layer in model.layers
        if any(not np.array_equal(a, b) for a, b in zip(layer.get_weights(), before[layer.name]))
    }


def test_the_loss_is_the_papers_sum() -> None:
    _, trainee = small()
    pictures, labels = noise().batch(np.arange(6)).astype(np.float32), np.arange(6) % 3
    outputs = [output.numpy().astype(np.float64) for output in trainee.network(pictures)]
    losses = [(np.log(np.exp(o).sum(axis=1)) - o[np.arange(6), labels]).sum() for o in outputs]
    assert one_step(trainee) == pytest.approx(losses[0] + 0.3 * losses[1] + 0.3 * losses[2], rel=1e-5)


def test_they_train_what_is_before_them_and_nothing_else() -> None:
    """A head of zeros passes no gradient on: whatever moves in the backbone, auxiliary losses have moved."""
    model, _ = small()
    model = with_dense_head(model, 3)
    before = {layer.name: layer.get_weights() for layer in model.layers}
    one_step(model)
    assert moved(model, before) == {"logits"}

    trainee = Trainee(model, *googlenet.training_model(model, 0.0))
    model.layers[-1].set_weights(before["logits"])
    before = {layer.name: layer.get_weights() for layer in trainee.network.layers}
    one_step(trainee)
    found = moved(trainee.network, before)
    assert {"stem_conv", "block2_middle_conv", "block5_narrow_conv", "auxiliary1_logits", "auxiliary2_conv"} <= found
    assert not any(name.startswith(("block6", "block7", "block8")) for name in found)  # after the last of them


def test_the_heads_start_the_same_every_time() -> None:
    (model, first), _ = small(), keras.utils.set_random_seed(7)
    again, _ = googlenet.training_model(model)
    for layer in first.network.layers:
        for ours, theirs in zip(layer.get_weights(), again.get_layer(layer.name).get_weights()):
            np.testing.assert_array_equal(ours, theirs)


def test_an_interrupted_training_goes_on(tmp_path: Path) -> None:
    settings = EXACT.replace(epochs=2, save_every_steps=1)

    def tiny() -> tuple[Any, Trainee]:
        keras.backend.clear_session()  # the same names, as a process of its own would give
        keras.utils.set_random_seed(0)
        picture = keras.Input((32, 32, 3))
        x = keras.layers.Dropout(0.5)(keras.layers.Conv2D(4, 8, 8)(picture))
        model = keras.Model(picture, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
        head = keras.layers.Dense(3, kernel_initializer="ones")(keras.layers.GlobalAveragePooling2D()(x))
        return model, Trainee(model, keras.Model(picture, [model.output, head]), (0.3,))

    class Stop(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 1:
                raise KeyboardInterrupt

    whole, trainee = tiny()
    fit(trainee, noise(), noise(), settings)
    with pytest.raises(KeyboardInterrupt):
        fit(tiny()[1], noise(), noise(), settings, callbacks=[Stop()], folder=tmp_path)
    resumed, again = tiny()
    history = fit(again, noise(), noise(), settings, folder=tmp_path)
    assert history.resumed_at_step == 1
    for ours, theirs in zip(whole.get_weights(), resumed.get_weights()):
        np.testing.assert_array_equal(ours, theirs)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("googlenet") / "googlenet.keras"
    model, contract = build_model("googlenet", input_size=32, width=0.1, classes=3)
    keras_file.save(model, contract, path)
    return path


def test_the_command_uses_them_and_writes_none(built: Path, pictures: Path, tmp_path: Path) -> None:
    output = tmp_path / "trained.keras"
    arguments = ("train", built, "--data", pictures, "--strategy", "scratch", "--epochs", "1", "-o", output)
    done = run_cli(*arguments, timeout=400)
    assert done.returncode == 0, done.stderr
    stage = json.loads(Path(f"{output}.training/result.json").read_text())["stages"][0]
    assert stage["auxiliary_weights"] == [0.3, 0.3]
    before, _ = keras_file.load(built)
    after, contract = keras_file.load(output)
    assert [layer.name for layer in after.layers] == [layer.name for layer in before.layers]
    assert len(after.outputs) == 1 and after.count_params() == before.count_params()
    assert contract is not None and contract.provenance.training.phases[0].auxiliary_weights == (0.3, 0.3)


@pytest.mark.parametrize(("unfreeze", "weights"), [(None, (0.3, 0.3)), (2, ())])
def test_only_where_all_layers_learn(
    built: Path, pictures: Path, unfreeze: int | None, weights: tuple[float, ...]
) -> None:
    trained = train(built, TrainOptions(str(pictures), "finetune", {"epochs": 1}, unfreeze=unfreeze))
    assert trained.phases[0].auxiliary_weights == weights
    assert len(trained.model.outputs) == 1


def test_other_families_are_trained_as_before(small_keras: Path, pictures: Path) -> None:
    trained = train(small_keras, TrainOptions(str(pictures), "scratch", {"epochs": 1}))
    assert trained.phases[0].auxiliary_weights == ()

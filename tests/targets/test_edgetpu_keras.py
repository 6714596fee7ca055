"""What is said before training."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from edgecnn import targets
from edgecnn.core.errors import UsageError


def test_an_unknown_target_names_the_known_ones():
    with pytest.raises(UsageError, match="edgetpu"):
        targets.warn_before_training(None, "npu")


def _layer(kind, name, **config):
    return type(kind, (), {"name": name, "get_config": lambda self: config})()


def _keras(*layers, parameters=1000):
    return SimpleNamespace(layers=list(layers), count_params=lambda: parameters)


def test_a_keras_model_is_warned_of_before_training():
    model = _keras(
        _layer("Conv2D", "stem", activation="linear", dilation_rate=(1, 1), groups=1),
        _layer("HardSwish", "stem_act"),
        _layer("Activation", "block1_act", activation="hard_swish"),
    )
    (line,) = targets.warn_before_training(model)
    assert "stem_act and 1 more layer" in line and "minimalistic" in line and "HARD_SWISH" in line


def test_a_keras_model_of_mapped_layers_has_no_warning():
    model = _keras(_layer("Conv2D", "stem", activation="relu6", dilation_rate=(1, 1), groups=1), _layer("ReLU", "act"))
    assert targets.warn_before_training(model) == []


def test_a_keras_model_larger_than_the_chip_is_warned_of():
    (line,) = targets.warn_before_training(_keras(parameters=20_000_000))
    assert "estimate" in line and "19.1 MiB" in line


def test_build_warns_of_hard_swish_and_only_of_that(tmp_path):
    """The real command on real models; a family that maps says nothing."""
    for model, words in (("mobilenet_v3_small", "hard-swish"), ("mobilenet_v3_small_minimalistic", "")):
        command = [
            sys.executable,
            "-m",
            "edgecnn",
            "build",
            model,
            "--input-size",
            "32",
            "-o",
            str(tmp_path / "m.keras"),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert words in done.stderr and bool(words) == ("Edge TPU" in done.stderr)


def test_train_says_it_too(capsys):
    from edgecnn.cli import train

    train._warn(_keras(_layer("HardSwish", "stem_act")))
    assert "Before training: Edge TPU: hard-swish" in capsys.readouterr().err


@pytest.mark.parametrize(("kernel", "lines"), [((3, 1), 0), ((3, 3), 1)])
def test_a_keras_dilation_counts_where_the_kernel_is_wider_than_one(kernel, lines):
    layer = _layer("Conv2D", "wide", activation="relu", dilation_rate=(2, 1), kernel_size=kernel, groups=1)
    assert len(targets.warn_before_training(_keras(layer))) == lines


def test_an_lstm_has_no_warning():
    assert targets.warn_before_training(_keras(_layer("LSTM", "lstm", activation="tanh"))) == []

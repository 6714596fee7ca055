"""Pixel values for `.tflite` files by others; the truth is what Keras and raw LiteRT answer to the documented input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras as keras3
import numpy as np
import pytest
from small_graphs import Graph

from edgecnn.core.compat.tensorflow import tf
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.input_range import (
    CENTERED,
    IMAGENET,
    IMAGENET_MEAN,
    PIXELS,
    SIGNED,
    UNIT,
    InputRange,
    calibrated_range,
)  # fmt: skip
from edgecnn.runtime.run.engine import Engine

SIZE = 16


def classifier(scaling: Callable[[Any], Any], padding: str = "valid") -> Any:
    keras3.utils.set_random_seed(1)
    picture = keras3.Input((SIZE, SIZE, 3))
    x = keras3.layers.Conv2D(4, 3, padding=padding, activation="relu")(scaling(picture))
    return keras3.Model(picture, keras3.layers.Dense(3)(keras3.layers.Flatten()(x)))


def images(count: int = 16) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)


def converted(model: Any, path: Path, scaled: Callable[[np.ndarray], np.ndarray] | None = None) -> Path:
    """A float `.tflite`; int8 inside if it is told how to scale images for its calibration."""
    function = tf.function(lambda x: model(x, training=False))
    spec = tf.TensorSpec((1, SIZE, SIZE, 3), tf.float32)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function(spec)])
    if scaled is not None:

        def calibration() -> Iterator[list[np.ndarray]]:
            for image in images():
                yield [scaled(image[None].astype(np.float32))]

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = calibration
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    path.write_bytes(converter.convert())
    return path


@pytest.mark.parametrize(
    ("inside", "outside", "quantized", "padding"),
    [
        (keras3.layers.Rescaling(1 / 255), lambda x: x, False, "valid"),
        (keras3.layers.Rescaling(1 / 255), lambda x: x, False, "same"),
        (keras3.applications.mobilenet_v2.preprocess_input, lambda x: x, False, "valid"),
        (keras3.applications.mobilenet_v2.preprocess_input, lambda x: x, False, "same"),
        (lambda x: x * 2 - 1, lambda x: x / 255, False, "same"),
        (lambda x: x, lambda x: x / 127.5 - 1, False, "same"),
        (keras3.layers.Rescaling(1 / 255), lambda x: x, True, "same"),
        (lambda x: x, lambda x: x / 255, True, "same"),
        (lambda x: x, lambda x: x / 127.5 - 1, True, "same"),
    ],
)
def test_float_inputs_get_what_keras_gets(
    tmp_path: Path,
    inside: Callable[[Any], Any],
    outside: Callable[[np.ndarray], np.ndarray],
    quantized: bool,
    padding: str,
) -> None:
    """With padding the converter can't fold an offset into the first weights; a factor it always folds."""
    model = classifier(inside, padding)
    engine = Engine(model_file.read(converted(model, tmp_path / "m.tflite", outside if quantized else None)))
    for image in images(4):
        expected = model(outside(image[None].astype(np.float32)), training=False).numpy()[0]
        found = engine.scores(engine.tensor(image))
        assert np.abs(found - expected).max() < (0.15 if quantized else 1e-3) * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 255.0, PIXELS), (0.0, 241.0, PIXELS), (0.0, 1.0, UNIT), (0.0, 0.97, UNIT), (-1.0, 1.0, SIGNED),
        (-1.0, 0.93, SIGNED), (-0.5, 0.5, CENTERED), (-2.118, 2.64, IMAGENET), (-123.68, 151.06, IMAGENET_MEAN),
        (0.0, 6.0, None), (-500.0, 500.0, None),
    ],
)  # fmt: skip
def test_range_of_a_first_quantize(low: float, high: float, expected: InputRange | None) -> None:
    assert calibrated_range(low, high) == expected


def test_uint8_without_quantization_is_the_raw_picture(tmp_path: Path) -> None:
    graph = Graph()
    picture = graph.tensor("picture", (1, 4, 4, 3), "u1", scale=())
    graph.graph.tensors[picture].quantization = None
    preprocessing = _read(graph, picture, tmp_path).preprocessing
    assert (preprocessing.mean, preprocessing.std) == ((0.0,), (1.0,))


@pytest.mark.parametrize(("dtype", "zero_point", "mean"), [("u1", 128, 128.0), ("i1", 0, 128.0)])
def test_a_quantized_input_is_the_raw_picture(tmp_path: Path, dtype: str, zero_point: int, mean: float) -> None:
    graph = Graph()
    picture = graph.tensor("picture", (1, 4, 4, 3), dtype, scale=(1 / 128,), zero_point=zero_point)
    preprocessing = _read(graph, picture, tmp_path).preprocessing
    assert (preprocessing.mean, preprocessing.std) == ((mean,), (128.0,))


def _read(graph: Graph, picture: int, folder: Path) -> Any:
    out = graph.tensor("out", (1, 48), "f4")
    graph.operator("DEQUANTIZE", [picture], [out])
    (folder / "m.tflite").write_bytes(graph.build([picture], [out]))
    return model_file.read(folder / "m.tflite").contract

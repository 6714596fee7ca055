"""`edgecnn quantize` beside `TFLiteConverter.from_keras_model`, same model, same images, same process, in turns.

.venv/bin/python tests/benchmarks/quantize_speed.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.builder import build_model
from edgecnn.core.compat.tensorflow import tf
from edgecnn.data import open_data
from edgecnn.float_model import keras_file
from edgecnn.quantization import Calibration, quantize
from edgecnn.runtime.run.interpreter import quiet
from edgecnn.runtime.run.preprocess import apply_table, fit, input_table

SAMPLES = 100


def stock(path: Path) -> bytes:
    """What TensorFlow's documentation tells to do, decoding included."""
    model, contract = keras_file.load(path)
    assert contract is not None
    table = input_table(contract.preprocessing, np.dtype(np.float32), 0, 0)

    def pictures() -> Iterator[list[np.ndarray]]:
        for example in open_data("photos").sample(SAMPLES).examples:
            yield [apply_table(fit(example.read(), contract.preprocessing), table)]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = pictures
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    with quiet():
        return bytes(converter.convert())


def timed(function: Callable[[], Any]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder) / "lite0.keras", Path(folder) / "lite0.tflite"
        keras_file.save(*build_model("efficientnet_lite0", weights="imagenet"), path)
        ways = {
            "TFLiteConverter.from_keras_model": lambda: stock(path),
            "edgecnn quantize --improve none": lambda: quantize(path, output, calibration=Calibration(improve="none")),
            "edgecnn quantize --improve fast": lambda: quantize(path, output, calibration=Calibration(improve="fast")),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                seconds[name].append(timed(way))
    reference = statistics.median(seconds["TFLiteConverter.from_keras_model"])
    print(f"EfficientNet-Lite0 int8, {SAMPLES} calibration images, {rounds} rounds, TensorFlow imported before")
    for name, values in seconds.items():
        median = statistics.median(values)
        print(f"{name:36} median {median:6.2f} s  min {min(values):6.2f}  {reference / median:5.1f} times as fast")


main()

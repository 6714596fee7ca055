"""Float `.tflite` files by others -> int8: which operators are left in float, and how often the top-1 agrees.

    tools/bench models_by_others [--kinds resnet8,coral_v1] [--improve fast] [--data DATA] [--train FOLDER]

Kinds of MLPerf Tiny, with random bodies and fitted heads, or with --train trained from random weights for some epochs
on the classes of a folder (a random body of many layers amplifies any error, which a trained one does not; calibrated
on images of that folder; TensorFlow's own int8 beside ours); and MediaPipe's trained one; with EDGECNN_SHARED also
Coral's trained ones, as float models whose weights are those of the quantized files, with the agreement of Coral's own
quantized file beside ours. Exit status 1 where a kind agrees in less than 98 %.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from float_twins import float_twin
from others_models import KINDS, Kind, converted, image_classifier, written
from requirements import CORAL

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.hints import Hints
from edgecnn.data import open_data
from edgecnn.quantization import Calibration, quantize
from edgecnn.quantization.refusals import float_operators
from edgecnn.runtime.model.contract import Preprocessing
from edgecnn.runtime.run.preprocess import fit
from edgecnn.verification import verify

BAR = 98.0
CORALS = {"coral_v1": "mobilenet_v1_0.25_128_quant", "coral_v2": "mobilenet_v2_1.0_224_quant"}


@dataclasses.dataclass(frozen=True)
class Case:
    """What is quantized, with what is known of it, and the maker's own int8 file where there is one."""

    float_file: Callable[[], bytes]
    said: Hints
    theirs: Path | None = None
    calibration: str = "photos"
    labels: tuple[str, ...] = ()


def trained(kind: Kind, folder: str, epochs: int, theirs: Path) -> bytes:
    """The body and a new head, trained on the classes of a folder, as its maker would; the `.tflite` file.

    `theirs` becomes TensorFlow's own int8, calibrated on 256 of the same images.
    """
    keras.utils.set_random_seed(1)
    data = open_data(folder).sample(20_000)
    height, width, channels = kind.shape
    preprocessing = Preprocessing(height, width, fit="stretch", color="gray" if channels == 1 else "rgb")
    images = np.stack([fit(example.read(), preprocessing).reshape(kind.shape) for example in data.examples])
    truths = np.array([data.classes.index(example.label) for example in data.examples])
    image = keras.Input(kind.shape)
    outputs = keras.layers.Dense(len(data.classes), activation="softmax")(kind.body(image))
    model = keras.Model(image, outputs)
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", ["accuracy"])
    mean, std = kind.pixels
    pairs = tf.data.Dataset.from_tensor_slices((images, truths)).shuffle(len(images), seed=1).batch(64)
    history = model.fit(
        pairs.map(lambda some, right: ((tf.cast(some, tf.float32) - mean) / std, right)), epochs=epochs, verbose=0
    ).history
    theirs.write_bytes(by_tensorflow(model, (images[:256] - mean).astype(np.float32) / np.float32(std)))
    print(f"trained on {len(images)} images, {epochs} epochs: {history['accuracy'][-1]:.1%} of them right", flush=True)
    return converted(model)


def by_tensorflow(model: Any, inputs: np.ndarray) -> bytes:
    """TensorFlow's post-training int8, uint8 input and output."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[np.newaxis]] for image in inputs)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    return bytes(converter.convert())


def cases(folder: str | None, epochs: int, made: Path) -> dict[str, Case]:
    if folder is None:
        found = {name: Case(lambda kind=kind: written(kind), kind.said) for name, kind in KINDS.items()}
    else:
        found = {
            name: Case(
                lambda kind=kind, name=name: trained(kind, folder, epochs, made / name),
                dataclasses.replace(kind.said, fit="stretch"),
                made / name,
                calibration=folder,
                labels=open_data(folder).classes,
            )
            for name, kind in KINDS.items()
        }
    for weights in ("float32", "float16"):
        pixels = Hints(mean=(127.0,), std=(128.0,))
        found[f"mediapipe_{weights}"] = Case(lambda weights=weights: image_classifier(weights), pixels)
    for name, stem in CORALS.items() if CORAL.is_dir() else ():
        path = CORAL / f"{stem}.tflite"
        found[name] = Case(lambda path=path: float_twin(path.read_bytes()), Hints(mean=(128.0,), std=(128.0,)), path)
    return found


def measured(name: str, case: Case, improve: str, scheme: str, data: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "theirs.tflite", Path(folder) / "m.tflite"
        source.write_bytes(case.float_file())
        said = case.said
        if case.labels:
            labels = Path(folder) / "labels.txt"
            labels.write_text("\n".join(case.labels))
            said = dataclasses.replace(said, labels=str(labels))
        started = time.perf_counter()
        calibration = Calibration(case.calibration, 256, improve=improve if scheme.startswith("int8") else None)
        file = quantize(source, output, scheme=scheme, calibration=calibration, hints=said)
        seconds = time.perf_counter() - started
        found = verify(output, source, data, hints=said)
        own = verify(case.theirs, source, data, hints=said).agreement if case.theirs else "-"
    left = ", ".join(float_operators(file.model.graph)) or "none"
    print(f"{name:26} {found.agreement!s:>24} {found.snr_db:6.1f} {own!s:>24} {seconds:6.0f}  {left}", flush=True)
    return found.agreement.percent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", help="names, separated by commas; all by default")
    parser.add_argument("--improve", default="fast")
    parser.add_argument("--scheme", default="int8")
    parser.add_argument("--data", default="photos", help="images to compare on")
    parser.add_argument("--train", metavar="FOLDER", help="train the kinds of MLPerf Tiny on its classes")
    parser.add_argument("--epochs", type=int, default=8)
    given = parser.parse_args()
    made = tempfile.TemporaryDirectory()
    chosen = cases(given.train, given.epochs, Path(made.name))
    names = given.kinds.split(",") if given.kinds else list(chosen)
    print(f"{'kind':26} {'agreement':>24} {'dB':>6} {'other int8':>24} {'s':>6}  float operators")
    worst = min(measured(name, chosen[name], given.improve, given.scheme, given.data) for name in names)
    sys.exit(worst < BAR)


if __name__ == "__main__":
    main()

"""A detector trained on held-out data, and its int8 by edgecnn and by TensorFlow's converter, in one run.

    tools/bench detection DATA --train [--model efficientnet_lite0_ssd] [--epochs N] [--augment PRESET]
    tools/bench detection DATA --train --plain [--fold K]
    tools/bench detection DATA --keras detector.keras [--fold K]

DATA is a folder with Pascal VOC annotations. What an image is for, the first 32 bits of its SHA-256 say, as a fraction:
a test image from 0.8 on, a validation image below 0.1; nothing looks at the test images before the table. `--fold` 0 to
3 has other fifths as test images instead, from 0, 0.2, ... on, and the tenth after them for validation. With
`--fold own` the validation images of the data itself test, and of its training images a tenth validates.

`--plain` trains as is usual elsewhere: focal loss, smooth L1, the model's anchors, mirrored images, all blocks at a
tenth of the heads' learning rate, 50 epochs.

Calibration is on training images. Bars: mAP 0.55 and AP50 0.90 on raccoon, 0.60 and 0.92 on bccd, within 60 processor
minutes (30 minutes on two cores); int8 with `--improve fast` loses at most 0.3 points of mAP, and matches 98 % of the
boxes with a score of 0.5 or more. Processor seconds stand beside wall seconds, because they hold on a busy machine too.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn import artifact
from edgecnn.builder import build_model
from edgecnn.data import open_data
from edgecnn.data.split import fraction
from edgecnn.float_model import keras_file
from edgecnn.float_model.loading import from_model
from edgecnn.float_model.traced import FloatModel
from edgecnn.quantization import Calibration, quantize
from edgecnn.runtime.measure.latency import test_tensor, timed_runs
from edgecnn.runtime.model import model_file
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.interpreter import quiet
from edgecnn.runtime.run.preprocess import apply_table, fit, input_table
from edgecnn.tasks import task_of
from edgecnn.tasks.kinds.detection import Detection
from edgecnn.training import TrainOptions, train
from edgecnn.verification import verify

TEST, VALIDATION = 0.2, 0.1
FOLDS = 5
OWN = "own"
PLAIN = {
    "class_loss": "focal", "box_loss": "smooth_l1", "augment": "flip", "backbone_learning_rate": 1.5e-4, "epochs": 50,
}  # fmt: skip


def held_out(source: Path, folder: Path, fold: str) -> str:
    """The same data set, with links to its folders and splits of its own; the new folder."""
    data = open_data(str(source))
    learned = {example.name for example in data.part("train").examples}
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for example, digest in zip(data.examples, data.digests()):
        if fold == OWN:
            split = "test" if example.name not in learned else "val" if fraction(digest) < VALIDATION else "train"
        else:
            share = (fraction(digest) - int(fold) / FOLDS) % 1
            split = "test" if share < TEST else "val" if share < TEST + VALIDATION else "train"
        lists[split].append(Path(example.name).stem)
    for each in source.iterdir():
        if each.is_dir() and each.name != "ImageSets":
            (folder / each.name).symlink_to(each.resolve())
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    for split, names in lists.items():
        (folder / "ImageSets" / "Main" / f"{split}.txt").write_text("\n".join(names) + "\n")
    print(", ".join(f"{len(names)} {split}" for split, names in lists.items()), "images", flush=True)
    return str(folder)


def trained(name: str, data: str, folder: Path, overrides: dict[str, Any], plain: bool) -> Path:
    """Train with the preset, but for what is given; say how long it takes."""
    model, contract = build_model(name, weights="imagenet")
    keras_file.save(model, contract, folder / "start.keras")
    how = TrainOptions(data, overrides=overrides)
    if plain:
        Detection.learns_from_stride = 0
        how = TrainOptions(data, overrides={**PLAIN, **overrides}, anchors="model")
    wall, processor = time.perf_counter(), time.process_time()
    found = train(folder / "start.keras", how, folder=folder / "run")
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    history = found.phases[-1].history
    print(
        f"{len(history.epochs)} epochs in {wall / 60:.1f} minutes, {processor / 60:.1f} of the processor; validation "
        f"mAP {found.validation.accuracy_percent:.1f} in epoch {history.best_epoch}",
        flush=True,
    )
    keras_file.save(found.model, found.contract, folder / "trained.keras")
    return folder / "trained.keras"


def by_tensorflow(keras: Path, data: str, samples: int, output: Path) -> None:
    """TensorFlow's converter on the frozen function, with its own calibrator; the same operator behind it."""
    from edgecnn.core.compat.tensorflow import tf

    model, contract = keras_file.load(keras)
    assert contract is not None
    source = from_model(model, contract)
    task = task_of(contract)
    call, contract = task.deployed(source.call, contract)
    table = input_table(contract.preprocessing, np.dtype(np.float32), 0, 0)
    chosen = open_data(data).part("train").sample(samples).examples
    tensors = [apply_table(fit(example.read(), contract.preprocessing), table) for example in chosen]
    converter = FloatModel.trace(dataclasses.replace(source, call=call, contract=contract)).converter()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([tensor] for tensor in tensors)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    with quiet():
        graph = bytes(converter.convert())
    output.write_bytes(artifact.seal(*task.finished(graph, contract)))


def latency_ms(path: Path) -> float:
    """Median over turns of the best of 10, one thread."""
    engine = Engine(model_file.read(path), threads=1)
    tensor = test_tensor(engine)
    return statistics.median(min(timed_runs(engine, tensor, 10)) for _ in range(5))


def row(who: str, figures: list[Any], path: Path | None = None, processor: float | None = None) -> None:
    megabytes = "" if path is None else f"{path.stat().st_size / 1e6:.2f}"
    milliseconds = "" if path is None else f"{latency_ms(path):.1f}"
    seconds = "" if processor is None else f"{processor:.0f}"
    print(f"| {' | '.join([who, *map(str, figures), megabytes, milliseconds, seconds])} |", flush=True)


def table(keras: Path, data: str, samples: int, folder: Path) -> None:
    """Every int8 against the float model, on the test images."""
    tested = open_data(data).part("test", "validation")
    print(f"\n{len(tested)} test images; in brackets 95 % intervals by the bootstrap\n")
    print("| made by | mAP | AP50 | drop in mAP | matched boxes | SNR dB | MB | ms | processor s |")
    print(f"|{' --- |' * 9}", flush=True)
    details: dict[str, Any] = {}
    for who in ("edgecnn --improve none", "edgecnn --improve fast", "TFLiteConverter"):
        path, started = folder / f"{len(details)}.tflite", time.process_time()
        if who == "TFLiteConverter":
            by_tensorflow(keras, data, samples, path)
        else:
            quantize(keras, path, calibration=Calibration(data, samples, improve=who.split()[-1]))
        processor = time.process_time() - started
        found = verify(path, keras, tested)
        if not details:
            row("float", [found.metrics["map"].float_model, found.metrics["ap50"].float_model, "", "", ""])
        figures = [found.metrics["map"].artifact, found.metrics["ap50"].artifact, found.drop, found.parts_agree]
        row(who, [*figures, f"{found.snr_db:.1f}"], path, processor)
        details[who] = found.details
    print("\n| AP of | float | edgecnn --improve fast |\n| --- | --- | --- |")
    for name, metric in details["edgecnn --improve fast"].items():
        print(f"| {name.removeprefix('AP of ')} | {metric.float_model} | {metric.artifact} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", metavar="DATA", type=Path)
    parser.add_argument("--train", action="store_true", help="train first")
    parser.add_argument("--keras", type=Path, help="a detector that was trained on the same splits")
    parser.add_argument("--model", default="efficientnet_lite0_ssd")
    parser.add_argument("--epochs", type=int, help="instead of the preset's")
    parser.add_argument("--augment", help="instead of the preset's")
    parser.add_argument("--plain", action="store_true", help="train as is usual elsewhere")
    folds = [*map(str, range(FOLDS)), OWN]
    parser.add_argument("--fold", choices=folds, default=folds[FOLDS - 1], help="whose images test")
    parser.add_argument("--samples", type=int, default=100, help="calibration images")
    options = parser.parse_args()
    if options.train == (options.keras is not None):
        parser.error("give --train or --keras FILE")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        data = held_out(options.data, folder / "data", options.fold)
        given = {name: getattr(options, name) for name in ("epochs", "augment")}
        overrides = {name: value for name, value in given.items() if value is not None}
        keras = options.keras or trained(options.model, data, folder, overrides, options.plain)
        table(keras, data, options.samples, folder)


if __name__ == "__main__":
    main()

"""What an image encoder teaches a small model with few labels: the same model, labels and epochs, with and without.

    tools/bench distillation DATA [--labels 50] [--unlabeled 5000] [--seeds 2]

DATA has the folders `train` and `test` with a folder per class (CIFAR-10). The teacher is the features of
EfficientNet-Lite0 with the ImageNet weights that come with edgecnn; the student is MobileNet V2 at 0.35 of its width,
from random weights. Its labels are the first of each class by a hash of their names; the unlabeled images are others
of that folder. Test images are seen at the end only; the gain is paired on them, with its 95 % interval.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgecnn.builder import build_model
from edgecnn.core.statistics import paired_drop, share
from edgecnn.data import DataSet, FileExample, open_data
from edgecnn.float_model import keras_file
from edgecnn.runtime.run.preprocess import fit, input_table
from edgecnn.training import Trained, TrainOptions, train
from edgecnn.training.settings import LessonSettings


def copied(examples: Sequence[object], folder: Path, *, by_class: bool) -> None:
    for number, example in enumerate(examples):
        assert isinstance(example, FileExample)
        place = folder / str(example.label) if by_class else folder
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(example.path, place / f"{number}{example.path.suffix}")


def right(trained: Trained, test: DataSet) -> np.ndarray:
    """Whether each test image is answered right, bool (images,)."""
    preprocessing, labels = trained.contract.preprocessing, trained.contract.labels
    table = input_table(preprocessing, np.dtype(np.float32), 0, 0)
    images = np.stack([fit(example.read(), preprocessing) for example in test.examples])
    answers = [
        trained.model(table[images[start : start + 128], [0] * 3], training=False).numpy().argmax(axis=1)
        for start in range(0, len(images), 128)
    ]
    truths = [labels.index(str(example.label)) for example in test.examples]
    return np.concatenate(answers) == np.array(truths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labels", type=int, default=50, help="labeled images per class")
    parser.add_argument("--unlabeled", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=60, help="on the labels")
    parser.add_argument("--distill-epochs", type=int, default=12)
    parser.add_argument("--side", type=int, default=48, help="of the student's input")
    parser.add_argument("--teacher-side", type=int, default=96)
    parser.add_argument("--seeds", type=int, default=2)
    asked = parser.parse_args()
    pool = open_data(str(asked.data / "train"))
    test = open_data(str(asked.data / "test"))
    labeled = pool.sample(asked.labels * len(pool.classes))
    known = {example.name for example in labeled.examples}
    others = pool.with_examples(each for each in pool.examples if each.name not in known).sample(asked.unlabeled)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        copied(labeled.examples, folder / "labeled", by_class=True)
        copied(others.examples, folder / "unlabeled", by_class=False)
        teacher = build_model("efficientnet_lite0", input_size=asked.teacher_side, weights="imagenet")
        keras_file.save(*teacher, folder / "teacher.keras")
        for seed in range(asked.seeds):
            student = build_model("mobilenet_v2", input_size=asked.side, width=0.35, seed=seed)
            keras_file.save(*student, folder / "student.keras")
            compare(folder, test, asked, seed)


def compare(folder: Path, test: DataSet, asked: argparse.Namespace, seed: int) -> None:
    """Train with and without the teacher, and print both."""
    settings = {"epochs": asked.epochs, "batch_size": 32, "seed": seed}
    lesson = LessonSettings("features", str(folder / "unlabeled"), distill_epochs=asked.distill_epochs)
    results = {}
    for name, how in (
        ("labels", {}),
        ("labels, teacher", {"teacher": str(folder / "teacher.keras"), "lesson": lesson}),
    ):
        started = time.process_time()
        options = TrainOptions(str(folder / "labeled"), "scratch", settings, validation_share=0.1, **how)
        trained = train(folder / "student.keras", options)
        results[name] = right(trained, test)
        phases = ", ".join(
            f"{each.name} {each.history.best.validation_accuracy_percent:.1f}" for each in trained.phases
        )
        found = share(int(results[name].sum()), len(test))
        seconds = time.process_time() - started
        print(
            f"seed {seed}  {name:<16} test top-1 {found}  validation: {phases}  processor {seconds:.0f} s", flush=True
        )
    gain = paired_drop(results["labels, teacher"], results["labels"])
    print(f"seed {seed}  the teacher adds {gain.percent:.1f} points [{gain.low_percent:.1f}, {gain.high_percent:.1f}]")


if __name__ == "__main__":
    main()

"""Training on streamed shards beside training on the decoded cache: images per second in turns, and resident memory.

tools/bench streaming speed  FOLDER [--images 4000] [--rounds 5]
tools/bench streaming memory FOLDER [--images 60000] [--copies 1 4] [--steps 60] [--batch 32]

FOLDER holds images in a folder per class, for example CIFAR-10's training images. Where it has fewer than are asked
for, copies with a little noise fill up. The memory is that of the process and all its children, as sums of RSS, which
counts what they share more than once, and of PSS, which doesn't; of `cached` it holds the pages of the decoded copy.
Most of it is TensorFlow and the activations of a batch, whatever the images come from.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgecnn.data import open_data
from edgecnn.data.shard_settings import ShardSettings
from edgecnn.data.shard_writing import write_shards

MODEL, SIDE, BATCH = "mobilenet_v2", 128, 64
LEAST_SHARE, MOST_GB, FLAT = 0.8, 1.5, 1.1
_POLL_S = 0.2


class Enough(Exception):  # noqa: N818 (no error)
    """The training has done its steps."""


def filled_up(source: Path, target: Path, count: int) -> None:
    """Exactly `count` images, in the source's classes: each image, then each with noise, then with other noise."""
    examples = open_data(str(source)).examples
    random = np.random.default_rng(0)
    for number in range(count):
        example = examples[number % len(examples)]
        place = target / str(example.label) / f"{number:07d}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        if number < len(examples):
            shutil.copyfile(source / example.name, place)
        else:
            picture = example.read().astype(np.int16)
            noisy = picture + random.integers(-12, 13, picture.shape)
            cv2.imwrite(str(place), np.clip(noisy, 0, 255).astype(np.uint8))


def shards_of(source: Path, folder: Path, count: int) -> Path:
    """Shards of the filled-up folder."""
    pictures, shards = folder / "pictures", folder / "shards"
    filled_up(source, pictures, count)
    write_shards(open_data(str(pictures)), shards, ShardSettings(size_mb=5))
    return shards


def model_file(folder: Path) -> Path:
    from edgecnn.builder import build_model
    from edgecnn.float_model import keras_file

    path = folder / "model.keras"
    if not path.exists():
        keras_file.save(*build_model(MODEL, input_size=SIDE), path)
    return path


def speed(source: Path, count: int, rounds: int, steps: int) -> bool:
    """Images per second of the same steps with the same model, in turns."""
    from edgecnn.float_model import keras_file
    from edgecnn.training import FitSettings, open_rows
    from edgecnn.training.batches import Batches
    from edgecnn.training.learner import Learner, Trainee

    with tempfile.TemporaryDirectory() as name:
        shards = shards_of(source, Path(name), count)
        model, contract = keras_file.load(model_file(Path(name)))
        assert contract is not None
        classes = open_data(str(shards)).classes
        contract = contract.replace(labels=(*classes, *(f"unused {number}" for number in range(len(classes), 1000))))
        settings = FitSettings(batch_size=BATCH, epochs=1)
        feeds, rates = {}, {}
        for how in ("cached", "streamed"):
            rows = open_rows(str(shards), contract, images=how)[0]["train"]
            feeds[how], rates[how] = Batches(rows, settings), []
            rates[f"{how}, no training"] = []
        learners = {
            how: Learner(
                Trainee.of(model), settings, contract.preprocessing, steps=10_000, batch_size=BATCH, task=rows.task,
                lean=how == "streamed",
            )
            for how in feeds
        }  # fmt: skip
        for number in range(rounds + 1):  # the first one compiles
            for how, batches in feeds.items():
                first = number * steps
                found = timed(batches, first, steps, lambda batch, how=how: np.asarray(learners[how].step(*batch)))
                alone = timed(batches, first, 4 * steps, lambda batch: None)
                if number:
                    rates[how].append(found)
                    rates[f"{how}, no training"].append(alone)
    for how, values in rates.items():
        print(f"{how}: {statistics.median(values):.1f} images/s ({', '.join(f'{value:.1f}' for value in values)})")
    share = statistics.median(new / old for new, old in zip(rates["streamed"], rates["cached"]))
    print(f"streamed over cached: {share:.3f}; expected at least {LEAST_SHARE}")
    return share >= LEAST_SHARE


def timed(batches: Any, first: int, steps: int, work: Callable[[Any], Any]) -> float:
    """Images per second; the first batch, which fills the pipeline, is not counted."""
    feed = iter(batches.dataset(first, first + steps + 1))
    work(next(feed))
    started = time.perf_counter()
    for batch in feed:
        work(batch)
    return float(steps * batches.size / (time.perf_counter() - started))


def train_for(model: str, data: str, how: str, steps: int, batch: int) -> None:
    """What the measured child does: `edgecnn train`, ended after some steps."""
    from edgecnn.training import TrainOptions, train

    def progress(stage: str, done: int, total: int) -> None:
        print(f"{stage}: {done} of {total}", flush=True)
        if stage.startswith("epoch") and done >= steps:
            raise Enough

    try:
        train(model, TrainOptions(data, "scratch", {"epochs": 1, "batch_size": batch}, images=how), progress=progress)
    except Enough:
        print("enough", flush=True)


def memory(source: Path, count: int, copies: list[int], steps: int, batch: int, ways: list[str]) -> bool:
    """The largest resident memory of a training, at 1 and more times the images."""
    peaks = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shards, model = shards_of(source, folder, count), model_file(folder)
        for times in copies:
            place = copied(shards, folder / f"times{times}", times)
            for how in ways:
                rss, pss, looked_s = peak(model, place, how, steps, batch)
                peaks[times, how] = rss
                figures = f"{rss / 1e9:.2f} GB RSS, {pss / 1e9:.2f} GB PSS; {looked_s:.0f} s until the first step"
                print(f"{count * times:,} images, {how}: {figures}", flush=True)
    streamed = [rss for (_, how), rss in peaks.items() if how == "streamed"]
    print(f"streamed: expected at most {MOST_GB} GB, and at most {FLAT} times as much with more images")
    return max(streamed) <= MOST_GB * 1e9 and max(streamed) <= FLAT * min(streamed)


def copied(shards: Path, target: Path, times: int) -> Path:
    """The shards several times."""
    target.mkdir()
    for number in range(times):
        for path in shards.glob("*.tar"):
            shutil.copyfile(path, target / f"copy{number}-{path.name}")
    shutil.copyfile(shards / "labels.txt", target / "labels.txt")
    return target


def peak(model: Path, data: Path, how: str, steps: int, batch: int) -> tuple[int, int, float]:
    """The largest sums of RSS and of PSS in bytes, and the seconds until training began."""
    command = [sys.executable, __file__, "child", str(model), str(data), how, str(steps), str(batch)]
    rss = pss = 0
    started, first_step_s = time.monotonic(), 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("epoch") and not first_step_s:
                first_step_s = time.monotonic() - started
            found = resident(child.pid)
            rss, pss = max(rss, found[0]), max(pss, found[1])
    if child.returncode:
        sys.exit(child.returncode)
    return rss, pss, first_step_s


def resident(process: int) -> tuple[int, int]:
    """Sums of RSS and PSS of a process and its children, in bytes."""
    rss = pss = 0
    for each in tree(process):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended
            continue
        values = {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines[1:]}
        rss, pss = rss + values["Rss"], pss + values["Pss"]
    return rss, pss


def tree(process: int) -> Iterator[int]:
    yield process
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from tree(int(child))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    fast = kinds.add_parser("speed")
    large = kinds.add_parser("memory")
    child = kinds.add_parser("child")
    for each, images in ((fast, 4000), (large, 60_000)):
        each.add_argument("folder", type=Path)
        each.add_argument("--images", type=int, default=images)
    fast.add_argument("--rounds", type=int, default=5)
    fast.add_argument("--steps", type=int, default=10)
    large.add_argument("--copies", type=int, nargs="+", default=[1, 4])
    large.add_argument("--steps", type=int, default=60)
    large.add_argument("--batch", type=int, default=32)
    large.add_argument("--ways", nargs="+", default=["streamed"], choices=["streamed", "cached"])
    for name in ("model", "data", "how", "steps", "batch"):
        child.add_argument(name)
    asked = parser.parse_args()
    if asked.kind == "child":
        train_for(asked.model, asked.data, asked.how, int(asked.steps), int(asked.batch))
        return 0
    if asked.kind == "speed":
        return int(not speed(asked.folder, asked.images, asked.rounds, asked.steps))
    return int(not memory(asked.folder, asked.images, asked.copies, asked.steps, asked.batch, asked.ways))


if __name__ == "__main__":
    sys.exit(main())

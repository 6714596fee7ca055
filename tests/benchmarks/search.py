"""`edgecnn search` against an exhaustive measurement of its whole space, on this machine as the board.

    python tests/benchmarks/search.py [truth | search | kill | ray] [--images N] [--json FILE]

    truth   train, quantize, verify and measure every candidate once; kept in the folder, goes on where it stopped
    search  search the same space: hypervolume, measurements and training time against the truth (the default)
    kill    end the search by kill -9 at 10 moments, start it again each time; the result must be the same
    ray     the search on two Ray nodes, then with one of them killed; the best recipe must be the same

60 candidates on CIFAR-10 (EDGECNN_SHARED/data/cifar10): EfficientNet-Lite0 to Lite2 with the ImageNet weights that come
with edgecnn, at 20 input sizes; only their last layer learns. Latencies are on one thread and in
processor time, which other programs disturb least; accuracies are those of the int8 artifacts on held-out images.
Bars: at least 90 % of the true front's hypervolume, with at most 10 % of the measurements and 25 % of the training
time. Training time is processor time: of the stages [model] and [train] of every candidate, and in the search of whole
trials and of these stages of its finalists. Exit status 1 when a bar is missed.

The folder is EDGECNN_BENCH_SEARCH, else edgecnn-bench-search in the temporary folder.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ARCHITECTURES = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
SIZES = tuple(sorted((*range(40, 137, 8), *range(44, 96, 8))))
VOLUME, RUNS, TRAINING, MOMENTS = 0.90, 0.10, 0.25, 10
FOLDER = Path(os.environ.get("EDGECNN_BENCH_SEARCH") or Path(tempfile.gettempdir()) / "edgecnn-bench-search")
TRIALS, FINALISTS = 20, 5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", default="search", choices=("truth", "search", "kill", "ray"))
    parser.add_argument("--images", type=int, default=2500, help="of CIFAR-10; a tenth validates")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    os.environ.setdefault("XDG_CONFIG_HOME", str(FOLDER / "config"))
    calibrated()
    data = pictures(options.images)
    parts = {"truth": truth, "search": against_truth, "kill": killed, "ray": on_nodes}
    found = parts[options.part](data)
    print(json.dumps(found, indent=2))
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2))
    return int(not found["met"])


def calibrated() -> None:
    from edgecnn.estimation import known
    from edgecnn.estimation.calibration import calibrate_and_keep

    if not known.of_device("local"):
        calibrate_and_keep("local", threads=1)


def pictures(count: int) -> str:
    """A balanced part of CIFAR-10's training images as a folder of links."""
    source, folder = Path(os.environ["EDGECNN_SHARED"]) / "data" / "cifar10" / "train", FOLDER / f"cifar10-{count}"
    if not folder.exists():
        draft = FOLDER / f"draft-{count}"
        shutil.rmtree(draft, ignore_errors=True)
        classes = sorted(path for path in source.iterdir() if path.is_dir())
        for place in classes:
            (draft / place.name).mkdir(parents=True)
            for path in sorted(place.iterdir())[: count // len(classes)]:
                (draft / place.name / path.name).symlink_to(path)
        draft.rename(folder)
    return str(folder)


def sections() -> dict:
    """What all candidates share; head: only the last layer of pretrained ones learns, as in their trials."""
    return {
        "train": {"strategy": "head", "crop": 1.0, "epochs": 8},
        "quantize": {"samples": 64, "improve": "none"},
    }


def settings(data: str, **changes):
    from edgecnn.recipe.search_settings import SearchSettings

    return SearchSettings.of({
        "data": data, "device": "local", "threads": 1, "architectures": ARCHITECTURES,
        "input_sizes": SIZES, "trials": TRIALS, "finalists": FINALISTS, "trial_epochs": 8, **changes,
    })  # fmt: skip


def truth(data: str) -> dict:
    """Each candidate's accuracy, latency and training time."""
    from edgecnn.parallel.executor import run
    from edgecnn.parallel.opening import open_executor
    from edgecnn.searching import finalist
    from edgecnn.searching.task import task_of
    from edgecnn.searching.toml_text import toml

    task = task_of(settings(data), sections())
    started, left = time.monotonic(), []
    for candidate in task.candidates:
        folder = FOLDER / "truth" / candidate.key
        if not (folder / "truth.json").exists():
            left.append(
                (candidate, {"folder": str(folder), "recipe": toml(finalist.recipe_of(candidate, task.template, 0))})
            )
    executor = open_executor(None, 1, whole=True)
    try:
        for position, made in run(executor, timed_make, [payload for _, payload in left]):
            folder = FOLDER / "truth" / left[position][0].key
            if isinstance(made, Exception) or made["error"]:
                raise SystemExit(f"{folder.name}: {made}")
            found = {"accuracy": made["accuracy"]["percent"], "train_s": made["train_s"], "wall_s": made["wall_s"]}
            found["latency_ms"] = latency_ms(folder / finalist.ARTIFACT)
            (folder / "truth.json").write_text(json.dumps(found))
            print(folder.name, found, f"{time.monotonic() - started:.0f} s", flush=True)
    finally:
        executor.close()
    return {"candidates": len(task.candidates), "seconds": round(time.monotonic() - started), "met": True}


def timed_make(payload: dict) -> dict:
    """`finalist.make`, with the processor time of the stages that a trial does too."""
    from edgecnn.recipe.stages.build import Build
    from edgecnn.recipe.stages.train import Train
    from edgecnn.searching import finalist

    spent = []
    for stage in (Build, Train):
        stage.work = timed(stage.work, spent)
    return {**finalist.make(payload), "train_s": round(sum(spent), 3)}


def timed(work, spent: list):
    work = getattr(work, "__wrapped__", work)  # a worker makes several models

    @functools.wraps(work)
    def measured(self, context) -> None:
        started = time.process_time()
        work(self, context)
        spent.append(time.process_time() - started)

    return measured


def latency_ms(artifact: Path) -> float:
    """Processor time on one thread; the yardstick keeps rounds comparable."""
    from edgecnn.devices import open_device
    from edgecnn.profiling.compare import compare
    from edgecnn.runtime.model import model_file

    file = model_file.read_any(artifact)
    with open_device("local") as device:
        return compare(file, file, device, threads=1, runs=60, warmup=3, budget=4.0).first_ms


def measured_truth(data: str) -> dict:
    """Key -> point, and the training time of all."""
    from edgecnn.searching.front import Point
    from edgecnn.searching.task import task_of

    rows = {}
    for candidate in task_of(settings(data), sections()).candidates:
        path = FOLDER / "truth" / candidate.key / "truth.json"
        if not path.exists():
            raise SystemExit(f"{candidate.key} was not measured. First: tools/bench search truth")
        rows[candidate.key] = json.loads(path.read_text())
    return {key: (Point(row["latency_ms"], row["accuracy"]), row["train_s"]) for key, row in rows.items()}


def against_truth(data: str) -> dict:
    from edgecnn.searching import search
    from edgecnn.searching.front import Point, hypervolume

    known = measured_truth(data)
    folder = FOLDER / "search"
    result = search(settings(data), sections(), folder=folder, progress=told)
    finalists = [row.candidate.key for row in result.rows if row.accuracy_kind == "artifact"]
    reference = Point(1.1 * max(point.latency_ms for point, _ in known.values()), 10.0)  # chance level
    whole = hypervolume([point for point, _ in known.values()], reference)
    volume = hypervolume([known[key][0] for key in finalists], reference) / whole
    trials = sum(json.loads(path.read_text())["cpu_s"] for path in folder.glob("trials/*/*.json"))
    spent_s = trials + sum(known[key][1] for key in finalists)
    training = spent_s / sum(seconds for _, seconds in known.values())
    images = result.trained_images / sum(result.rows[0].images for _ in known)
    runs = result.board_runs / len(known)
    met = volume >= VOLUME and runs <= RUNS and training <= TRAINING
    return {
        "candidates": len(known), "finalists": finalists, "hypervolume": round(volume, 4), "board_runs": round(runs, 4),
        "training_time": round(training, 4), "trained_images": round(images, 4), "met": met,
    }  # fmt: skip


def told(stage: str, done: int, total: int) -> None:
    print(f"{stage} {done}/{total}", file=sys.stderr, flush=True)


SMALL = {"architectures": ["mobilenet_v1"], "widths": [0.25, 0.5], "input_sizes": [32, 48], "trials": 4,
         "finalists": 2, "trial_epochs": 2, "weights": "none", "workers": 1, "threads": 1}  # fmt: skip


def small_recipe(data: str) -> Path:
    """A search of four candidates, for what is about stopping rather than finding."""
    from edgecnn.searching.toml_text import toml

    path = FOLDER / "small.toml"
    shared = {**sections(), "train": {"epochs": 2, "crop": 1.0}}
    path.write_text(toml({"search": {"data": data, "device": "local", **SMALL}, **shared}))
    return path


def start(recipe: Path, folder: Path, *more: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "edgecnn", "search", str(recipe), "-o", str(folder), *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def outcome(folder: Path) -> dict:
    """What must not depend on how a search went: everything but times, and latencies, which are measured."""
    from edgecnn.searching.record import SearchResult

    found = SearchResult.from_dict(json.loads((folder / "search.json").read_text()))
    rows = [(row.candidate.key, row.accuracy, row.images, row.size_bytes, row.estimated_ms) for row in found.rows]
    return {"rows": sorted(rows, key=str), "images": found.trained_images, "model": (folder / "best.toml").exists()}


def killed(data: str) -> dict:
    recipe, folder, whole = small_recipe(data), FOLDER / "killed", FOLDER / "whole"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(whole, ignore_errors=True)
    started = time.monotonic()
    start(recipe, whole).wait()
    took_s = time.monotonic() - started
    draw = random.Random(0)
    for moment in range(MOMENTS):
        process = start(recipe, folder)
        try:
            process.wait(draw.uniform(0.05, 0.4) * took_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        print(f"killed {moment + 1} of {MOMENTS}: {len(list(folder.rglob('*.json')))} records", flush=True)
    start(recipe, folder).wait()
    return {"moments": MOMENTS, "met": outcome(folder) == outcome(whole)}


def on_nodes(data: str) -> dict:
    from ray.cluster_utils import Cluster

    recipe, one = small_recipe(data), FOLDER / "one-machine"
    shutil.rmtree(one, ignore_errors=True)
    times, same = {"one machine": waited_s(start(recipe, one))}, {}
    for name, dies in (("two nodes", False), ("two nodes, one killed", True)):
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        node, folder = cluster.add_node(num_cpus=1), FOLDER / name.replace(" ", "-")
        shutil.rmtree(folder, ignore_errors=True)
        process = start(recipe, folder, "--ray", cluster.address)
        if dies:
            while not list(folder.glob("trials/*/*.json")) and process.poll() is None:
                time.sleep(0.2)
            cluster.remove_node(node, allow_graceful=False)
        times[name] = waited_s(process)
        cluster.shutdown()
        same[name] = outcome(folder) == outcome(one)
    return {"wall_s": times, "same": same, "met": all(same.values())}


def waited_s(process: subprocess.Popen) -> float:
    started = time.monotonic()
    process.wait()
    return round(time.monotonic() - started, 1)


if __name__ == "__main__":
    sys.exit(main())

"""Transfer learning: strategies compared on real data."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._markdown import command, table

TITLE = "Transfer learning"
SUMMARY = "head, last blocks, all layers or from scratch: four strategies on the same 400 pictures"
PER_CLASS = {"train": 40, "test": 50}
MODEL, SIZE = "efficientnet_lite0", 96
RUNS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("head", "imagenet", "the head only, on stored features", ("--strategy", "head")),
    ("last3", "imagenet", "the last 3 blocks", ("--strategy", "finetune", "--unfreeze", "3", "--epochs", "6")),
    ("all", "imagenet", "all layers, the backbone slowly", ("--strategy", "finetune", "--epochs", "6")),
    (
        "scratch",
        "none",
        "all layers, from random weights",
        ("--strategy", "scratch", "--epochs", "60", "--batch-size", "32"),
    ),
)


def measure(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Train four ways on a small part of CIFAR-10: EDGECNN_SHARED/data/cifar10, folders per class in train and test."""
    source = Path(os.environ["EDGECNN_SHARED"]) / "data" / "cifar10"
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for split, count in PER_CLASS.items():
            for group in sorted((source / split).iterdir()):
                (folder / split / group.name).mkdir(parents=True)
                for file in sorted(group.iterdir())[:count]:
                    shutil.copy(file, folder / split / group.name / file.name)
        yield {"runs": [_trained(folder, *run) for run in RUNS]}


def _trained(folder: Path, name: str, weights: str, _: str, options: tuple[str, ...]) -> dict[str, Any]:
    size = ("--input-size", str(SIZE), "--classes", "10")
    _edgecnn(folder, "build", MODEL, "--weights", weights, *size, "-o", "base.keras")
    data = ("--data", "train", "--test", "test", "--crop", "1")
    _edgecnn(folder, "train", "base.keras", *data, *options, "-o", f"{name}.keras", "--json", f"{name}.json")
    return summary(name, json.loads((folder / f"{name}.json").read_text()))


def _edgecnn(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "edgecnn", *arguments], cwd=folder, check=True)


def summary(name: str, result: dict[str, Any]) -> dict[str, Any]:
    """What the page needs of `edgecnn train --json`."""
    history = result["stages"][-1]["history"]["epochs"]
    return {
        "name": name,
        "epochs": len(history),
        "top1_percent": result["test"]["top1_percent"],
        "validation_curve": [round(epoch["validation_accuracy_percent"], 1) for epoch in history],
        "first_epoch_percent": round(history[0]["validation_accuracy_percent"], 1),
    }


def page(measured: dict[str, Any]) -> str:
    """Markdown."""
    known = {run["name"]: run for run in measured.get("runs", [])}
    rows = []
    for name, weights, what, options in RUNS:
        if name in known:
            run = known[name]
            start = "ImageNet" if weights == "imagenet" else "random"
            error = _interval(run["top1_percent"], 10 * PER_CLASS["test"])
            cells = [
                what,
                start,
                str(run["epochs"]),
                f"{run['top1_percent']:.1f} % ± {error:.1f}",
                f"`{' '.join(options)}`",
            ]
            rows.append(cells)
    total = 10 * PER_CLASS["train"]
    return f"""
A network that has learned a million images has layers that see edges, textures and parts. Those are useful for other
classes too; only the last layer is about the old ones. So one keeps the **backbone** and trains a new **head**, and
then, carefully, more.

Four strategies, {MODEL} at {SIZE} pixels, ten classes of CIFAR-10 with {PER_CLASS["train"]} images each,
a share of them held back for validation; tested on {10 * PER_CLASS["test"]} others (± is the 95 % interval that so few
test images leave):

{table(["what learns", "starts from", "epochs", "test accuracy", "settings"], rows)}

Random weights are far behind, after ten times as many epochs: {total} images don't show what edges and textures are.
The head alone takes seconds, because the backbone runs once over the images and only its answers are kept.
Fine-tuning pays when the new images differ from ImageNet's, as these do: they are 32 pixels small and were enlarged.

Which to choose:

{_advice()}

Three habits make it work, and `edgecnn train` has them: the backbone learns ten times more slowly than the head; batch
norms keep their statistics, which few images can't estimate; training images are prepared by the contract, as the
device will prepare them.

{
        command(
            f"edgecnn build {MODEL} --weights imagenet --input-size {SIZE} --classes 10 -o base.keras",
            "edgecnn train base.keras --data my-pictures --strategy head -o head.keras",
            "edgecnn train base.keras --data my-pictures --strategy finetune --unfreeze 3 -o mine.keras",
        )
    }
"""


def _advice() -> str:
    rows = [
        ["few, like ImageNet's", "head", "its features fit already; there is little to move millions of weights by"],
        ["few, unlike ImageNet's", "finetune, all layers", "as measured above: early layers must adapt to what is new"],
        ["many thousands", "finetune, and scratch as well", "the head start shrinks with the data; compare"],
    ]
    return table(["pictures", "start with", "because"], rows)


def _interval(percent: float, count: int) -> float:
    """Half the 95 % interval of a share of `count` images, by the normal approximation, in points."""
    share = percent / 100
    result: float = 196 * (share * (1 - share) / count) ** 0.5
    return result

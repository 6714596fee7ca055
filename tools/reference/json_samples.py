"""Which fields the commands write with `--json`: found by running them on tiny models, kept in json_fields.json.

The page is made from that file, so that checking the page runs nothing; a test of the suite runs the quick commands
again and compares.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import surfaces

FIELDS = Path(__file__).parent / "json_fields.json"
_OF_MODEL_OR_DATA = re.compile(r"red|blue|mobilenet_v1|block\d+_\w+")
QUICK = (
    "models",
    "build",
    "data",
    "data, --shards",
    "quantize",
    "classify",
    "inspect",
    "estimate",
    "profile",
    "devices list",
    "devices check",
)
"""Commands that take seconds, in an order in which each finds what it needs."""
_TRAINING = ("--data", "pictures", "--validation-share", "0.3", "--epochs", "1", "--batch-size", "4", "--seed", "1")
ALL = {
    "models": [("lite0",), ("lite0", "--board", "raspberry_pi_4")],
    "build": [("mobilenet_v1", "--width", "0.25", "--input-size", "32", "--classes", "2", "-o", "tiny.keras")],
    "data": [("pictures", "--validation-share", "0.3")],
    "data, --shards": [("pictures", "--shards", "shards")],
    "train": [
        ("tiny.keras", *_TRAINING, "--strategy", "scratch", "-o", "trained.keras"),
        ("trained.keras", *_TRAINING, "--qat", "-o", "aware.keras"),
    ],
    "label": [
        (
            *("pictures", "--classes", "red,blue", "--encoder", "tiny.keras", "--embeddings", "text.npy"),
            *("--min-confidence", "0", "--labeled", "pictures", "-o", "labels.csv"),
        )
    ],
    "prune": [("trained.keras", *_TRAINING, "--method", "channels", "-o", "half.keras")],
    "quantize": [("tiny.keras", "-o", "tiny.tflite", "--samples", "8")],
    "quantize, with a bound": [
        (
            *("trained.keras", "-o", "trained.tflite", "--samples", "8"),
            *("--data", "pictures", "--min-agreement", "1", "--max-drop", "100"),
        )
    ],
    "open-set": [
        ("trained.tflite", "--data", "pictures", "--background", "red", "--false-alarm-rate", "50", "-o", "open.tflite")
    ],
    "verify": [("trained.tflite", "--against", "trained.keras", "--data", "pictures")],
    "profile": [
        ("tiny.tflite", "--runs", "5", "--warmup", "1", "--per-op", "--threads", "1"),
        ("tiny.tflite", "tiny.tflite", "--runs", "5", "--warmup", "1", "--threads", "1", "--sustained", "1"),
    ],
    "classify": [("tiny.tflite", "pictures/red/0.png")],
    "inspect": [
        ("tiny.tflite", "--target", "edgetpu", "--geometry"),
        ("tiny.keras", "--effective"),
        ("tiny.keras", "tiny.tflite"),
        ("mobilenet_v1", "--input-size", "32,64"),
        ("mobilenet_v1", "--board", "raspberry_pi_4"),
    ],
    "estimate": [("mobilenet_v1", "vit_tiny_16", "--board", "raspberry_pi_4")],
    "run": [("recipe.toml", "-o", "run")],
    "collect": [("collected", "--classes", "red,blue", "--source", "none", "--seconds", "0.2")],
    "demo": [("tiny.tflite", "--source", "pictures/red", "--headless", "--frames", "3")],
    "compare": [("run", "tiny.tflite")],
    "search": [
        (
            *("--data", "pictures", "--validation-share", "0.3", "--board", "raspberry_pi_4", "--weights", "none"),
            *("--architectures", "mobilenet_v1", "--widths", "0.25,4", "--input-sizes", "192", "--max-size-mb", "9"),
            *("--trial-epochs", "1", "--finalists", "1", "--workers", "1", "-o", "search"),
        )
    ],
    "deploy, --container": [("tiny.tflite", "--container", "image")],
    "devices list": [()],
    "devices check": [("local",)],
    "devices calibrate": [("local", "--threads", "1")],
    "doctor": [("trained.tflite", "--against", "trained.keras", "--data", "pictures", "--samples", "16")],
    "visualize": [("tiny.keras", "pictures/red/0.png", "-o", "page.html", "--data", "pictures")],
    "cache": [()],
}
"""Heading of the page -> arguments of each run; a heading may continue after a comma."""
BY_HAND = ("deploy",)
"""Headings of commands that need a board: their fields are written by hand."""
_RECIPE = """
[model]
file = "trained.keras"
[quantize]
calibration = "pictures"
samples = 8
[verify]
data = "pictures"
[profile]
runs = 5
threads = [1]
"""


def fields(folder: Path, headings: tuple[str, ...] = tuple(ALL)) -> dict[str, dict[str, str]]:
    """Heading -> path of a field, as "rows[].latency_ms.median" -> its JSON type. Runs the commands in `folder`."""
    with _inside(folder), _own_devices(folder):
        _prepare(folder)
        found: dict[str, dict[str, str]] = {}
        for heading in headings:
            found[heading] = {}
            for arguments in ALL[heading]:
                _merge(found[heading], flatten(_output(heading, arguments)))
    return found


def _output(heading: str, arguments: tuple[str, ...]) -> Any:
    surfaces.run(*heading.partition(",")[0].split(), *arguments, "--json", "result.json")
    return json.loads(Path("result.json").read_text())


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _own_devices(folder: Path) -> Iterator[None]:
    """A list of boards, and a cache, that are not the user's."""
    own = {"XDG_CONFIG_HOME": str(folder / "config"), "EDGECNN_CACHE": str(folder / "cache")}
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    surfaces.run("devices", "add", "pi4", "pi@pi4.local")
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _prepare(folder: Path) -> None:
    """Two classes of images that a network tells apart at once, and a recipe."""
    import cv2
    import numpy as np

    generator = np.random.default_rng(1)
    for channel, name in ((2, "red"), (0, "blue")):
        (folder / "pictures" / name).mkdir(parents=True)
        for number in range(12):
            picture = generator.integers(0, 64, (32, 32, 3), np.uint8)
            picture[..., channel] += 128
            cv2.imwrite(str(folder / "pictures" / name / f"{number}.png"), picture)
    np.save(folder / "text.npy", generator.normal(size=(2, 256)).astype(np.float32))
    (folder / "recipe.toml").write_text(_RECIPE)


def flatten(value: Any, path: str = "") -> dict[str, str]:
    """Path -> JSON type of all that is in a value; the items of a list share a path."""
    if isinstance(value, dict):
        found: dict[str, str] = {path: "object"} if path else {}
        for key, item in value.items():
            name = "*" if _OF_MODEL_OR_DATA.fullmatch(key) or not key.isidentifier() else key
            _merge(found, flatten(item, f"{path}.{name}" if path else name))
        return found
    if isinstance(value, list):
        found = {path: "array"} if path else {}
        for item in value:
            _merge(found, flatten(item, f"{path}[]"))
        return found
    kinds = {bool: "true or false", int: "integer", float: "number", str: "string", type(None): "null"}
    return {path: kinds[type(value)]} if path else {}


def _merge(found: dict[str, str], more: dict[str, str]) -> None:
    for path, kind in more.items():
        known = found.get(path, kind)
        found[path] = kind if known == "null" else known if kind in (known, "null") else _common(known, kind)


def _common(first: str, second: str) -> str:
    return "number" if {first, second} == {"integer", "number"} else " or ".join(sorted({first, second}))

"""Hostile text in every place that a model, its contract, its labels, images and their folders have for text."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from records.record_examples import example

from edgecnn import artifact
from edgecnn.core.compat.litert_schema import pack, unpack
from edgecnn.core.errors import EdgecnnError
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.json_text import UNPRINTABLE
from fuzzing import models, mutate
from fuzzing.case import Case

COMMANDS = (
    "inspect {model} --all --geometry",
    "inspect {model} --html page.html --target edgetpu",
    "inspect {model} ref.tflite --html page.html",
    "inspect {model} --json -",
    "classify {model} {image} {missing} --top 10",
    "classify {model} {image} --labels {labels}",
    "classify {model} {image} --json -",
    "report {model} -o page.html",
    "report {model} -o page.html --verification {missing}",
    "verify {model} --against {model} --data pictures",
    "verify {model} --against ref.tflite --data {missing}",
    "verify {model} --against {model} --data m.csv --json -",
    "visualize {model} {image} -o page.html",
    "compile {model} --target edgetpu -o out.tflite",
    "profile {model} --per-op --runs 2 --warmup 1 --budget 1 --threads 1",
    "demo {model} --source {missing} --headless --seconds 1",
    "profile {model} --device {missing}",
    "quantize {missing} -o {model}",
    "run {missing}",
    "{missing}",
)
_LONGEST_NAME = 200


class Fuzz:
    """See `Target`."""

    HOST = False

    def __init__(self, corpus: Sequence[Path]) -> None:
        self.models = models.seeds(corpus)

    def case(self, draw: random.Random) -> Case:
        """All texts of one model replaced, and the names of files."""
        names = {key: _name(draw, key) for key in ("model", "image", "labels", "missing")}
        names["model"] += ".tflite"
        names["image"] += ".png"
        data = _hostile_model(draw.choice(self.models), draw)
        folder = _name(draw, "class")
        labels = "\n".join(f"{number}{draw.choice(mutate.MARKS)}" for number in range(10))
        rows = f"path,label\npictures/{folder}/1.png,{json.dumps(draw.choice(mutate.HOSTILE))}\npictures/b/2.png,b\n"
        files: dict[str, bytes | str] = {
            names["model"]: data,
            "ref.tflite": self.models[0],
            names["image"]: models.picture(),
            names["labels"]: labels.encode(errors="surrogatepass"),
            f"pictures/{folder}/1.png": models.picture(33),
            "pictures/b/2.png": models.picture(50),
            "m.csv": rows.encode(errors="surrogatepass"),
        }
        words = [word.format(**names) for word in draw.choice(COMMANDS).split()]
        return Case(words, files, pages=("page.html",))


def _name(draw: random.Random, key: str) -> str:
    """A file's name that begins with a letter and holds a hostile text."""
    text = draw.choice(mutate.HOSTILE)[:_LONGEST_NAME].replace("/", "\u2215").replace("\0", "")
    return f"{key}{text}".encode("utf-8", "replace").decode()[:_LONGEST_NAME]


def _hostile_model(model: bytes, draw: random.Random) -> bytes:
    tree = unpack(model)
    for each in models.objects(tree):
        for name, value in vars(each).items():
            if isinstance(value, (str, bytes)) and type(each).__name__ != "MetadataT":
                setattr(each, name, draw.choice(mutate.HOSTILE).encode("utf-8", "replace"))
    made = models.without_contract(pack(tree))
    if draw.random() < 0.3:
        return made
    try:
        return artifact.seal(made, _hostile_contract(model, draw))
    except EdgecnnError:
        return made


def _hostile_contract(model: bytes, draw: random.Random) -> Contract:
    """With every text that a contract may hold."""
    sound = model_file.from_bytes(model).contract
    values = {
        **example(Contract).to_dict(),
        **{key: sound.to_dict()[key] for key in ("preprocessing", "output", "labels")},
    }
    for key in ("task", "detection"):
        if key in values and key not in sound.to_dict():
            del values[key]
    values["golden"] = None
    found = Contract.from_dict(_changed({key: value for key, value in values.items() if value is not None}, draw))
    return found


def _changed(values: Any, draw: random.Random, key: str = "") -> Any:
    if isinstance(values, dict):
        return {name: _changed(value, draw, name) for name, value in values.items()}
    if isinstance(values, list):
        return [_changed(value, draw, key) for value in values]
    if not isinstance(values, str) or key in ("output", "color", "resize", "fit", "task", "sha256"):
        return values
    return UNPRINTABLE.sub("", draw.choice(mutate.MARKS))

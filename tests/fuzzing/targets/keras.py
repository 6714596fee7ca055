"""`.keras` and `.h5` files, and `.tflite` models in the commands that need TensorFlow."""

from __future__ import annotations

import io
import json
import multiprocessing
import random
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from json_mutants import mutants

from fuzzing import models, mutate
from fuzzing.case import Case

OF_KERAS = (
    *["inspect m.keras"] * 3,
    "inspect m.h5",
    "quantize m.keras -o out.tflite --scheme float32",
    "quantize m.keras -o out.tflite --calibration pictures --samples 2 --improve none",
    "quantize m.h5 -o out.tflite --scheme float32",
    "verify ref.tflite --against m.keras --data pictures",
    "visualize m.keras a.png -o page.html --only filters",
    "prune m.keras -o out.keras --data pictures",
    "train m.keras -o out.keras --data pictures --epochs 1",
)
OF_TFLITE = (
    "doctor m.tflite --against ref.keras --data pictures",
    "verify m.tflite --against ref.keras --data pictures",
    "visualize m.tflite a.png -o page.html --against ref.keras",
    "quantize m.tflite -o out.tflite",
)


class Fuzz:
    """See `Target`."""

    HOST = True

    def __init__(self, corpus: Sequence[Path]) -> None:
        made = _made()
        self.keras = [made["m.keras"], *(path.read_bytes() for path in corpus if path.suffix == ".keras")]
        self.h5 = made["m.h5"]
        self.mutator = models.Mutator([made["m.tflite"]])

    def case(self, draw: random.Random) -> Case:
        """A mutant of a Keras model, or of the artifact that was made of it."""
        sound = {
            "a.png": models.picture(),
            "pictures/x/1.png": models.picture(33),
            "pictures/y/2.png": models.picture(50),
        }
        files: dict[str, bytes | str] = {"ref.keras": self.keras[0], "ref.tflite": self.mutator.models[0], **sound}
        if draw.random() < 0.4:
            words = draw.choice(OF_TFLITE).split()
            files["m.tflite"] = self.mutator.mutant(draw)
        else:
            words = draw.choice(OF_KERAS).split()
            name = next(word for word in words if word.startswith("m."))
            files[name] = mutate.octets(self.h5, draw) if name == "m.h5" else self._archive(draw)
        if draw.random() < 0.03:
            files[next(word for word in words if word.startswith("m."))] = draw.choice(("fifo", "link:/dev/zero"))
        return Case(words, files, pages=("page.html",))

    def _archive(self, draw: random.Random) -> bytes:
        model = draw.choice(self.keras)
        if draw.random() < 0.25:
            return mutate.octets(model, draw, edge=2000)
        with zipfile.ZipFile(io.BytesIO(model)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = draw.choice([*members, "config.json", "config.json"])
        if name.endswith(".json") and draw.random() < 0.8:
            members[name] = next(mutants(json.loads(members[name]), 1, str(draw.random()))).encode(
                errors="surrogatepass"
            )
        else:
            members[name] = mutate.octets(members[name], draw, edge=3000)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        return stream.getvalue()


def _made() -> dict[str, bytes]:
    """A small model's files, by name. They are made in a child: TensorFlow's threads would not survive a fork."""
    with tempfile.TemporaryDirectory() as name:
        child = multiprocessing.get_context("fork").Process(target=_make, args=(Path(name),))
        child.start()
        child.join()
        return {path.name: path.read_bytes() for path in Path(name).iterdir()}


def _make(folder: Path) -> None:
    """A classifier of two classes for 32 pixels, as `.keras`, `.h5` and `.tflite`."""
    from edgecnn.core.compat.tensorflow import keras
    from edgecnn.float_model import keras_file
    from edgecnn.quantization import Calibration, quantize
    from edgecnn.runtime.model.contract import Contract, Preprocessing

    image = keras.Input((32, 32, 3), name="image")
    features = keras.layers.Conv2D(4, 3, strides=2, activation="relu", name="conv")(image)
    features = keras.layers.BatchNormalization(name="norm")(features)
    features = keras.layers.DepthwiseConv2D(3, name="depthwise")(features)
    features = keras.layers.GlobalAveragePooling2D(name="mean")(features)
    model = keras.Model(image, keras.layers.Dense(2, name="head")(features))
    keras_file.save(model, Contract(Preprocessing(32, 32, crop=1.0), labels=("x", "y")), folder / "m.keras")
    model.save(str(folder / "m.h5"))
    quantize(folder / "m.keras", folder / "m.tflite", calibration=Calibration("photos", 4))

"""`.tflite` models in the commands that need no TensorFlow."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from fuzzing import models
from fuzzing.case import Case

MEASURE = "--runs 2 --warmup 1 --budget 1 --threads 1"
COMMANDS = {
    "inspect m.tflite --all --geometry": 16,
    "inspect m.tflite --json - --html page.html": 4,
    "inspect m.tflite ref.tflite": 4,
    "inspect m.tflite --target edgetpu": 10,
    "classify m.tflite a.png": 20,
    "classify m.tflite a.png --json - --output-kind logits --mean 127 --std 128": 4,
    "report m.tflite -o page.html": 16,
    "verify m.tflite --against ref.tflite --data pictures": 8,
    "verify ref.tflite --against m.tflite --data pictures": 4,
    "visualize m.tflite a.png -o page.html": 6,
    "compile m.tflite --target edgetpu -o out.tflite": 6,
    f"profile m.tflite {MEASURE}": 2,
    f"profile ref.tflite m.tflite {MEASURE}": 1,
    f"profile m.tflite --per-op {MEASURE}": 3,
    "demo m.tflite --source a.png --headless --seconds 1": 1,
}
"""Commands, and how often each is run: those that measure take longest."""
# Whatever the file is, it says that it compiled it.
COMPILER = b"""#!/bin/sh
for f; do :; done
cp "$f" "$(basename "$f" .tflite)_edgetpu.tflite"
echo "Edge TPU Compiler version 16.0"
"""


class Fuzz:
    """See `Target`."""

    HOST = False

    def __init__(self, corpus: Sequence[Path]) -> None:
        self.mutator = models.Mutator(models.seeds(corpus))

    def case(self, draw: random.Random) -> Case:
        """A mutant, beside a sound model and images."""
        words = draw.choices(list(COMMANDS), COMMANDS.values())[0].split()
        sound = {
            "a.png": models.picture(),
            "pictures/1.png": models.picture(33),
            "pictures/2.png": models.picture(50),
        }
        files = {"m.tflite": self.mutator.mutant(draw), "ref.tflite": self.mutator.models[0], **sound}
        if words[0] == "compile":
            files["bin/edgetpu_compiler"] = COMPILER
        return Case(
            words, files, {"PATH": "{folder}/bin:/usr/bin:/bin"} if words[0] == "compile" else {}, ("page.html",)
        )

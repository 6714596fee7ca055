"""MediaPipe Tasks, an independent reader of the standard metadata, loads the artifact as it is.

It lives in a virtual environment of its own, because it brings another OpenCV.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import cv2
from mediapipe_python import found_python

from edgecnn.data import open_data
from edgecnn.runtime.model import model_file
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import fit
from edgecnn.runtime.tasks.classification import top

SCRIPT = """
import json, sys, mediapipe
from mediapipe.tasks.python import BaseOptions, vision
options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]), max_results=1)
with vision.ImageClassifier.create_from_options(options) as classifier:
    for path in sys.argv[2:]:
        found = classifier.classify(mediapipe.Image.create_from_file(path)).classifications[0].categories[0]
        print("ANSWER", json.dumps([found.index, found.category_name]), flush=True)
"""


def test_mediapipe_gives_our_answers(lite0_int8: Path, tmp_path: Path) -> None:
    engine = Engine(model_file.read(lite0_int8))
    paths, ours = [], []
    for example in open_data("photos:whole").examples:
        fitted = fit(example.read(), engine.contract.preprocessing)
        path = tmp_path / f"{example.name}.png"
        cv2.imwrite(str(path), cv2.cvtColor(fitted, cv2.COLOR_RGB2BGR))
        best = top(engine.probabilities(engine.tensor(fitted)), engine, 1)[0]
        paths.append(str(path))
        ours.append([best["index"], best["label"]])
    command = [str(found_python()), "-c", SCRIPT, str(lite0_int8), *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    theirs = [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("ANSWER")]
    assert theirs == ours, done.stderr[-2000:]
    assert len(ours) == 11

"""The exports for Android and iOS: MediaPipe's own scores are probabilities, and names can't leave their literals."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import xml.dom.minidom
from pathlib import Path

import cv2
import numpy as np
import pytest
from mediapipe_python import found_python
from tiny_models import classifier

from edgecnn.core.errors import UsageError
from edgecnn.data import open_data
from edgecnn.exports import export, mediapipe
from edgecnn.runtime.model import model_file
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import fit

HOSTILE = ('");exit(1);("', "$HOME ${1+1} \\u0022 \\(1)", "two\nlines\u2028", "日本 🦊", "\\", "plain")
ALL_SCORES = """
import json, sys, mediapipe
from mediapipe.tasks.python import BaseOptions, vision
options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]), score_threshold=0.3)
with vision.ImageClassifier.create_from_options(options) as classifier:
    for path in sys.argv[2:]:
        found = classifier.classify(mediapipe.Image.create_from_file(path)).classifications[0].categories
        print("ANSWER", json.dumps([[each.index, each.category_name, each.score] for each in found]), flush=True)
"""


def test_scores_are_probabilities(lite0_int8: Path, tmp_path: Path) -> None:
    """With a threshold of 0.3, within a step of the float softmax of the artifact's logits."""
    engine = Engine(model_file.read(lite0_int8))
    export(engine.file, "ios", tmp_path / "app")
    [exported] = (tmp_path / "app").glob("*.tflite")
    paths, expected = [], []
    for example in open_data("photos:whole").examples:
        fitted = fit(example.read(), engine.contract.preprocessing)
        paths.append(str(tmp_path / f"{example.name}.png"))
        cv2.imwrite(paths[-1], cv2.cvtColor(fitted, cv2.COLOR_RGB2BGR))
        expected.append(engine.probabilities(engine.tensor(fitted)))
    command = [str(found_python()), "-c", ALL_SCORES, str(exported), *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    answers = [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("ANSWER")]
    assert len(answers) == len(expected) == 11, done.stderr[-2000:]
    for found, probabilities in zip(answers, expected):
        assert {index for index, _, _ in found} <= set(np.flatnonzero(probabilities > 0.3 - 1 / 256))
        assert {index for index, _, _ in found} >= set(np.flatnonzero(probabilities > 0.3 + 1 / 256))
        for index, label, score in found:
            assert abs(score - probabilities[index]) <= 1 / 256
            assert label == engine.contract.labels[index]


@pytest.mark.parametrize("text", HOSTILE)
def test_literals_hold_the_text(text: str) -> None:
    """Read by a few lines that know nothing but the languages' escapes."""
    kotlin = mediapipe.kotlin_string(text)
    assert re.fullmatch(r'"(?:[ !#%-\[\]-~]|\\["$\\]|\\u[0-9a-f]{4})*"', kotlin)
    units = re.sub(r"\\(u[0-9a-f]{4}|.)", lambda found: chr(int(found[1][1:], 16)) if len(found[1]) > 1 else found[1],
                   kotlin[1:-1])  # fmt: skip
    assert units.encode("utf-16", "surrogatepass").decode("utf-16") == text
    swift = mediapipe.swift_string(text)
    assert re.fullmatch(r'"(?:[ !#-\[\]-~]|\\["\\]|\\u\{[0-9a-f]+\})*"', swift)
    assert text == re.sub(
        r"\\(?:u\{([0-9a-f]+)\}|(.))", lambda found: chr(int(found[1], 16)) if found[1] else found[2], swift[1:-1]
    )


def test_half_a_surrogate_is_replaced() -> None:
    assert mediapipe.kotlin_string("a\udc80") == '"a\\ufffd"'
    assert mediapipe.swift_string("a\udc80") == '"a\\u{fffd}"'


@pytest.mark.parametrize("target", ["android", "ios"])
def test_folder_of_a_hostile_model(target: str, tiny_int8: Path, tmp_path: Path) -> None:
    file = model_file.read(tiny_int8)
    named = dataclasses.replace(file.contract.model, name="../../" + HOSTILE[0] + HOSTILE[2])
    contract = file.contract.replace(labels=HOSTILE[:5], model=named)
    record = export(dataclasses.replace(file, contract=contract), target, tmp_path / "app")
    [name] = [name for name in record.files if name.endswith(".tflite")]
    assert Path(name).name == "exit_1_two_lines.tflite" and len(list(tmp_path.iterdir())) == 1
    [code] = [name for name in record.files if Path(name).stem == "Classifier"]
    text = (tmp_path / "app" / code).read_text("ascii")
    quote = mediapipe.kotlin_string if target == "android" else mediapipe.swift_string
    labels = ("two lines" if label == HOSTILE[2] else label for label in HOSTILE[:5])
    assert ", ".join(map(quote, labels)) in text
    assert (quote(Path(name).name) if target == "android" else quote(Path(name).stem)) in text
    exported = model_file.read(tmp_path / "app" / name)
    assert exported.contract.output == "probabilities" and "two lines" in exported.contract.labels


def test_android_manifest_is_xml_and_braces_match(tiny_int8: Path, tmp_path: Path) -> None:
    export(model_file.read(tiny_int8), "android", tmp_path / "app")
    xml.dom.minidom.parse(str(tmp_path / "app/app/src/main/AndroidManifest.xml"))
    for path in (*(tmp_path / "app").rglob("*.kt"), *(tmp_path / "app").rglob("*.kts")):
        text = re.sub(r'"(?:[^"\\]|\\.)*"', "", path.read_text())
        assert all(text.count(left) == text.count(right) for left, right in ("{}", "()", "[]")), path
        assert "{{" not in text


def test_types_that_mediapipe_lacks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--io uint8"):
        export(classifier(), "android", tmp_path / "app")

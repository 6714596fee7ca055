"""Exported programs answer "none of these" where `classify` does, or say that they can't."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from tiny_models import classifier

from edgecnn.exports import adapted, export, mediapipe
from edgecnn.exports.model_json import model_json
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.rejection import NONE_OF_THESE, Rejection, is_rejected
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.tasks.classification import score

TEMPLATES = Path(adapted.__file__).parent / "templates" / "web"
LABELS = tuple("abcdefghij")
SCORES = ("energy", "max_logit", "probability")
PICTURES = np.random.default_rng(3).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js (Debian: apt install nodejs)")


def rejecting(kind: str, background: tuple[str, ...] = (), temperature: float = 1.7) -> ModelFile:
    """The tiny classifier with a threshold at the median of its scores for the images."""
    file = classifier()
    plain = file.contract.replace(labels=LABELS, rejection=Rejection(kind, None, temperature, background))
    scores = np.sort(score(logits(file), plain))
    middle = float(scores[29] + scores[30]) / 2
    return dataclasses.replace(file, contract=plain.replace(rejection=Rejection(kind, middle, temperature, background)))


def logits(file: ModelFile) -> np.ndarray:
    engine = Engine(file)
    return np.stack([engine.scores(engine.prepare(picture, "rgb")) for picture in PICTURES])


def expected(file: ModelFile) -> list[list[dict]]:
    engine = Engine(file)
    return [engine.task.answered([values], engine.contract, 3) for values in logits(file)]


def imported(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("exported_rejecting", folder / "classify.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", SCORES)
def test_the_python_file_decides_as_classify(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = rejecting(kind, background=("b",))
    export(file, "python", tmp_path / "python")
    classify, answers = imported(tmp_path / "python").Classifier(), expected(file)
    for picture, answer in zip(PICTURES, answers):
        probabilities, known = classify.look(Image.fromarray(picture))
        best = answer[is_rejected(answer)]
        assert known != is_rejected(answer)
        assert probabilities.argmax() == best["index"]
        assert probabilities.max() == pytest.approx(best["probability"], abs=1e-6)
    assert 20 < sum(map(is_rejected, answers)) < 60


def test_the_python_file_says_it(tmp_path: Path) -> None:
    export(rejecting("energy"), "python", tmp_path / "python")
    for number, picture in enumerate(PICTURES[:6]):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    command = [sys.executable, str(tmp_path / "python/classify.py"), *map(str, sorted(tmp_path.glob("*.png")))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = sum(map(is_rejected, expected(rejecting("energy"))[:6]))
    assert done.stdout.count(NONE_OF_THESE) == said and len(done.stdout.splitlines()) == 18 + said


@needs_node
def test_the_page_decides_as_classify(tmp_path: Path) -> None:
    """Its own JavaScript, on outputs that come as numbers: what is before them is tested in a browser."""
    for name in ("classifier.js", "golden.js", "preprocess.js"):
        shutil.copy(TEMPLATES / name, tmp_path / name)
    stub = tmp_path / "node_modules/@litertjs/core"
    stub.mkdir(parents=True)
    (stub / "package.json").write_text('{"type": "module", "main": "index.js"}')
    (stub / "index.js").write_text("export const loadAndCompile = 0, loadLiteRt = 0, Tensor = 0;")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    files = [rejecting(kind, ("b",)) for kind in SCORES]
    output = {"output_tensor": {"type": "int8", "scale": 0, "zero_point": 0}}
    cases = [
        {"model": json.loads(model_json(file.contract, **output)), "outputs": logits(file).tolist()} for file in files
    ]
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    (tmp_path / "main.js").write_text(
        "import fs from 'fs'; globalThis.document = {createElement: () => ({getContext: () => ({})})};"
        "const {Classifier} = await import('./classifier.js');"
        "const one = async ({model, outputs}) => { const found = []; const classifier = new Classifier(model, null);"
        "for (const raw of outputs) { classifier.run = async () => raw;"
        "found.push(classifier.answers(await classifier.look(new Uint8Array(32 * 32 * 3), 32, 32), 3)); }"
        "return found; };"
        "console.log(JSON.stringify(await Promise.all(JSON.parse(fs.readFileSync('cases.json')).map(one))))"
    )
    done = subprocess.run(["node", "main.js"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    for file, found in zip(files, json.loads(done.stdout)):
        for ours, theirs in zip(expected(file), found):
            assert [each["label"] for each in theirs] == [each["label"] for each in ours]
            assert theirs[-1]["probability"] == pytest.approx(ours[-1]["probability"], abs=1e-6)


def test_plain_probabilities_keep_their_own_threshold_only() -> None:
    probability = Rejection("probability", 0.4)
    assert adapted.carried(probability) == probability and adapted.carried(None) is None
    for lost in (Rejection("energy", 3.0), Rejection("probability", 0.4, 1.5)):
        assert adapted.carried(lost) is None
        kept = adapted.carried(dataclasses.replace(lost, background=("b",)))
        assert kept == Rejection("probability", None, background=("b",))


@pytest.mark.parametrize(
    ("rejection", "threshold", "said"),
    [
        (Rejection("probability", 0.41), "0.41", "MediaPipe gives no class where the probability is below 0.41."),
        (Rejection("energy", 3.0, 1.5), "0.3", "(energy, temperature 1.5), so it has only a threshold"),
        (None, "0.3", ""),
    ],
)
def test_phones_have_a_threshold_of_probabilities(rejection: Rejection | None, threshold: str, said: str) -> None:
    file = classifier()
    gives = dataclasses.replace(file, contract=file.contract.replace(labels=LABELS, rejection=rejection))
    after = dataclasses.replace(file, contract=gives.contract.replace(rejection=adapted.carried(rejection)))
    assert mediapipe.places(after, "m", mediapipe.kotlin_string)["threshold"] == threshold
    notes = adapted.rejection_notes(gives, after, "MediaPipe")
    assert (said in notes[0]) if said else not notes

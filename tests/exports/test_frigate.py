"""The export for Frigate, read by code of the tests' own that does what Frigate 0.17's custom classifier does."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from tiny_models import classifier

from edgecnn.core.errors import UsageError
from edgecnn.data import open_data
from edgecnn.exports import export
from edgecnn.runtime.model import model_file
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine


class Frigate:
    """What Frigate keeps of a classifier, and what it does with a crop."""

    def __init__(self, folder: Path) -> None:
        self.interpreter = Interpreter(model_path=str(folder / "model.tflite"), num_threads=2)
        self.interpreter.allocate_tensors()
        self.labels = [line.strip() for line in (folder / "labelmap.txt").read_text(encoding="utf-8").splitlines()]

    def probabilities(self, crop: np.ndarray) -> np.ndarray:
        """uint8 (height, width, 3), red-green-blue -> (classes,)."""
        frame = cv2.resize(crop, (224, 224))
        self.interpreter.set_tensor(self.interpreter.get_input_details()[0]["index"], frame[np.newaxis])
        self.interpreter.invoke()
        found = self.interpreter.get_tensor(self.interpreter.get_output_details()[0]["index"])[0]
        return found / found.sum(axis=0)


@pytest.fixture(scope="module")
def exported(lite0_int8: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frigate") / "mine"
    record = export(model_file.read(lite0_int8), "frigate", folder)
    assert any("stretches" in note for note in record.notes)
    return folder


def test_frigate_gives_the_answers_of_the_artifact(exported: Path, lite0_int8: Path) -> None:
    """Against the artifact with logits, whose softmax is in float; a tie goes to the class with the lower index."""
    frigate, ours = Frigate(exported), Engine(model_file.read(lite0_int8))
    stretched = Engine(model_file.read(exported / "model.tflite"))
    for example in open_data("photos:whole").examples:
        crop = cv2.cvtColor(example.read(), cv2.COLOR_BGR2RGB)
        expected = ours.probabilities(ours.tensor(cv2.resize(crop, (224, 224))))
        found = frigate.probabilities(crop)
        raw = stretched.probabilities(stretched.prepare(crop, "rgb"))
        assert np.abs(raw - expected).max() <= 1 / 256
        assert raw.argmax() == found.argmax()
        assert expected[found.argmax()] > expected.max() - 1 / 256
        assert frigate.labels[found.argmax()] == ours.contract.labels[found.argmax()]
        assert stretched.contract.output == "probabilities"


def test_golden_vectors_are_those_of_the_new_graph(exported: Path) -> None:
    engine = Engine(model_file.read(exported / "model.tflite"))
    result = golden.replay(engine, engine.run)
    assert result.identical == result.count == 4


def test_labels_are_one_line_each(lite0_int8: Path, tmp_path: Path) -> None:
    file = model_file.read(lite0_int8)
    labels = ("two\nlines", "3 dogs", " a\tb ", *file.contract.labels[3:])
    hostile = dataclasses.replace(file, contract=file.contract.replace(labels=labels))
    export(hostile, "frigate", tmp_path / "mine")
    found = Frigate(tmp_path / "mine").labels
    assert len(found) == 1000 and found[:3] == ["two lines", "3 dogs", "a b"]


def test_what_frigate_would_misread_is_refused(lite0_int8: Path, tmp_path: Path) -> None:
    file = model_file.read(lite0_int8)
    contract, how = file.contract, file.contract.preprocessing
    for changed, said in (
        (classifier(), "32 x 32"),
        (dataclasses.replace(file, contract=contract.replace(labels=())), "--labels"),
        (dataclasses.replace(file, contract=contract.replace(output="independent_logits")), "exclude each other"),
        (
            dataclasses.replace(
                file, contract=contract.replace(preprocessing=dataclasses.replace(how, mean=(0.0,), std=(255.0,)))
            ),
            "--io uint8",
        ),
        (
            dataclasses.replace(file, contract=contract.replace(preprocessing=dataclasses.replace(how, color="bgr"))),
            "bgr",
        ),
    ):
        with pytest.raises(UsageError, match=said):
            export(changed, "frigate", tmp_path / "mine")
        assert not (tmp_path / "mine").exists()

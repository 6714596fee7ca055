"""The artifact as a file: readable by others, sealed against damage, the same bytes each time."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgecnn import artifact
from edgecnn.core.errors import ModelFileError
from edgecnn.runtime.model import metadata, model_file
from edgecnn.runtime.model.records import Accuracy


def test_contract_comes_back_as_it_went_in(tiny_int8: Path, tmp_path: Path) -> None:
    file = model_file.read(tiny_int8)
    contract = file.contract.replace(accuracy=Accuracy(snr_db=20.5), labels=("ä", "b", "c", "d", "e"))
    again = artifact.rewrite(tmp_path / "again.tflite", file, contract)
    assert model_file.read(tmp_path / "again.tflite").contract == contract == again.contract
    assert artifact.graph_bytes(again) == artifact.graph_bytes(file)


def test_converters_bytes_are_kept_and_aligned(tiny_int8: Path) -> None:
    file = model_file.read(tiny_int8)
    graph = artifact.graph_bytes(file)
    assert file.data.find(graph) % 64 == 0
    plain = Interpreter(model_content=graph)
    sealed = Interpreter(model_content=file.data)
    for interpreter in (plain, sealed):
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.full((1, 32, 32, 3), 77, np.uint8))
        interpreter.invoke()
    outputs = [i.get_tensor(i.get_output_details()[0]["index"]) for i in (plain, sealed)]
    np.testing.assert_array_equal(*outputs)


def test_standard_metadata_has_normalization_and_labels(tiny_int8: Path) -> None:
    file = model_file.read(tiny_int8)
    found = metadata.read(file.model.metadata["TFLITE_METADATA"], file.data)
    assert found.mean == file.contract.preprocessing.mean
    assert found.std == file.contract.preprocessing.std
    assert found.labels == file.contract.labels
    with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
        assert archive.testzip() is None
        assert archive.read("labels.txt").decode().splitlines() == list(file.contract.labels)


def test_json_buffer_is_plain_json(tiny_int8: Path) -> None:
    values = json.loads(bytes(model_file.read(tiny_int8).model.metadata["edgecnn"]))
    assert values["provenance"]["scheme"] == "int8"
    assert len(values["sha256"]) == 64


def test_any_flipped_bit_is_noticed(tiny_int8: Path) -> None:
    data = tiny_int8.read_bytes()
    sealed_away = 0
    for place in range(8, len(data), len(data) // 199):
        damaged = bytearray(data)
        damaged[place] ^= 1 << (place % 8)
        try:
            file = model_file.from_bytes(bytes(damaged), "damaged.tflite")
        except ModelFileError:
            continue
        assert not file.sealed, f"bit in byte {place} went unnoticed"
        sealed_away += 1
    assert sealed_away < 20  # only the few bytes that hold the contract's own name and place


def test_same_input_same_bytes(tiny_int8: Path, tiny_keras: Path, tmp_path: Path) -> None:
    from edgecnn.quantization import Calibration, quantize

    again = quantize(tiny_keras, tmp_path / "again.tflite", calibration=Calibration("photos", 8))
    assert again.data == tiny_int8.read_bytes()


@pytest.mark.parametrize("change", [{"labels": ()}, {"labels": ("x",) * 70_000}])
def test_no_labels_and_many_labels(tiny_int8: Path, tmp_path: Path, change: dict[str, tuple[str, ...]]) -> None:
    file = model_file.read(tiny_int8)
    again = artifact.rewrite(tmp_path / "x.tflite", file, file.contract.replace(**change))
    assert model_file.read(tmp_path / "x.tflite").contract.labels == change["labels"]
    assert again.sealed

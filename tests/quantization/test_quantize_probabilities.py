"""`quantize --probabilities`: the softmax of the artifact without it, compared by `verify` as probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from commands import check_clean_failure, run_cli

from edgecnn.data import open_data
from edgecnn.quantization import Calibration, quantize
from edgecnn.runtime.model import model_file
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.golden import picture
from edgecnn.verification import verify


def test_probabilities_are_those_of_the_logits(tiny_keras: Path, tiny_int8: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.tflite"
    quantize(tiny_keras, path, calibration=Calibration("photos", 8), probabilities=True)
    ours, plain = Engine(model_file.read(path)), Engine(model_file.read(tiny_int8))
    assert ours.contract.output == "probabilities" and plain.contract.output == "logits"
    assert ours.output.dtype == np.uint8 and ours.output.scale == 1 / 256 and ours.output.zero_point == 0
    for index in range(8):
        tensor = picture(7, index, (32, 32, 3))[np.newaxis]
        assert np.abs(ours.probabilities(tensor) - plain.probabilities(tensor)).max() <= 1 / 256
    assert golden.replay(ours, ours.run).identical == 4
    found = verify(path, tiny_keras, open_data("photos:test").sample(8))
    assert found.snr_db > 10  # of probabilities against probabilities, not against logits


def test_not_with_a_bound(tiny_keras: Path, tmp_path: Path) -> None:
    done = run_cli(
        "quantize", tiny_keras, "-o", tmp_path / "a.tflite", "--probabilities", "--max-drop", "1", "--data", "x"
    )
    assert "--probabilities" in check_clean_failure(done, 2)

"""Float `.tflite` files of well-known kinds become full int8 and agree with themselves; what is no image is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from others_models import KINDS, autoencoder, written

from edgecnn.core.errors import ModelFileError
from edgecnn.quantization import Calibration, quantize
from edgecnn.quantization.refusals import float_operators
from edgecnn.verification import verify


@pytest.mark.parametrize("name", ["resnet8", "ds_cnn"])
def test_a_known_kind_agrees_with_its_float_file(tmp_path: Path, name: str) -> None:
    kind, theirs, output = KINDS[name], tmp_path / "theirs.tflite", tmp_path / "m.tflite"
    theirs.write_bytes(written(kind))
    file = quantize(theirs, output, calibration=Calibration("photos", 50), hints=kind.said)
    assert not float_operators(file.model.graph)
    assert file.contract.output == "probabilities"
    assert file.contract.preprocessing.shape == kind.shape
    agreement = verify(output, theirs, "photos", hints=kind.said).agreement
    assert agreement.high_percent is not None and agreement.high_percent >= (98 if name == "resnet8" else 97.5)


def test_the_softmax_behind_a_float_layer_is_float(tmp_path: Path) -> None:
    """In int8 it would round the probabilities to steps of 1/256, which make answers equal."""
    kind, theirs, output = KINDS["ds_cnn"], tmp_path / "theirs.tflite", tmp_path / "m.tflite"
    theirs.write_bytes(written(kind))
    calibration = Calibration("photos", 50)
    snr_db = {}
    for scheme in ("int8", "int8_mixed:95%"):
        file = quantize(theirs, output, scheme=scheme, calibration=calibration, hints=kind.said)
        snr_db[scheme] = verify(output, theirs, "photos", hints=kind.said).snr_db
    names = [operator.name for operator in file.model.graph.operators]
    assert names[-2:] == ["FULLY_CONNECTED", "SOFTMAX"] and "QUANTIZE" in names
    assert snr_db["int8_mixed:95%"] > snr_db["int8"] + 4


def test_what_takes_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(autoencoder())
    with pytest.raises(ModelFileError, match=r"\[1, 640\].*image"):
        quantize(tmp_path / "m.tflite", tmp_path / "int8.tflite")

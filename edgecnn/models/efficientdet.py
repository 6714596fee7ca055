"""EfficientDet-Lite0 to Lite2: a pyramid in both directions (BiFPN), and heads that all of its levels share.

Paper: EfficientDet: Scalable and Efficient Object Detection, arXiv:1911.09070, figures 2d and 3. The Lite variants
(ReLU6, plain sums for weighted ones, smaller inputs and anchors) are those of
https://github.com/google/automl/tree/master/efficientdet (hparams_config.py); their parameters, with heads for COCO's
90 numbers, are listed by https://github.com/rwightman/efficientdet-pytorch. Biases before batch norms are left out
(they change nothing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import UsageError
from edgecnn.models import blocks
from edgecnn.models.blocks import Style
from edgecnn.models.box_heads import BOXES, CLASSES, joined, last

if TYPE_CHECKING:
    from edgecnn.runtime.model.anchors import DetectorRecord

FAMILY = "efficientdet"
PAPER = "EfficientDet: Scalable and Efficient Object Detection (Tan et al., 2020)"
URL = "https://arxiv.org/abs/1911.09070"
LEVELS = (3, 4, 5, 6, 7)
"""Base-two logarithms of the maps' strides; the backbone has the first three."""
BACKBONE_LEVELS = 3
SIZES = tuple(2 ** (octave / 3) for octave in range(3))
RATIOS = (1.0, 2.0, 1 / 2)  # of width to height


@dataclass(frozen=True)
class Variant:
    """One detector.

    Attributes:
        backbone: a variant that is built by blocks of inverted residuals.
        input_size: height and width in pixels.
        channels: of all maps of the pyramid and of the heads.
        cells: how often the pyramid is passed down and up.
        parameters: published count.
        repeats: separable convolutions of a head before its last one.
        anchor_scale: side of the smallest anchor of a map, in its cells.
        activation: of the pyramid and the heads.
    """

    backbone: str
    input_size: int
    channels: int
    cells: int
    parameters: float
    repeats: int = 3
    anchor_scale: float = 3.0
    activation: str = "relu6"

    def anchors(self, rows: int, columns: int) -> tuple[tuple[float, float], ...]:
        """Height and width of a map's anchors, as shares of the input."""
        height, width = self.anchor_scale / rows, self.anchor_scale / columns
        return tuple(
            (round(height * size / ratio**0.5, 6), round(width * size * ratio**0.5, 6))
            for size in SIZES
            for ratio in RATIOS
        )


VARIANTS = {
    "efficientdet_lite0": Variant("efficientnet_lite0", 320, 64, 3, 3.24e6),
    "efficientdet_lite1": Variant("efficientnet_lite1", 384, 88, 4, 4.25e6),
    "efficientdet_lite2": Variant("efficientnet_lite2", 448, 112, 5, 5.25e6),
}


def detector(backbone: Any, name: str, classes: int, variant: Variant | None = None) -> tuple[Any, DetectorRecord]:
    """A detector on a classifier's feature maps, which keep their weights.

    Args:
        backbone: a Keras classifier of inverted residuals.
        name: of the detector.
        classes: how many there are; background is none of them.
        variant: of the pyramid and the heads; by default that of the name.

    Returns:
        A Keras model from images to corrections of the anchors, (batch, anchors, 4), and logits (batch, anchors,
        classes); and what its contract records.

    Raises:
        UsageError: the backbone has no such maps.
    """
    from edgecnn.runtime.model.anchors import DetectorRecord  # NumPy, which the catalog does without

    variant = variant or VARIANTS[name]
    style = Style(variant.activation, momentum=0.9)  # as in `edgecnn.models.ssd`
    maps = _extended(block_outputs(backbone), variant.channels, style)
    for cell in range(variant.cells):
        maps = _cell(maps, variant.channels, f"pyramid{cell}", style)
    levels = tuple((int(x.shape[1]), int(x.shape[2]), variant.anchors(*x.shape[1:3])) for x in maps)
    per_cell = len(SIZES) * len(RATIOS)
    outputs = [
        joined(_head(maps, what, per_cell * values, variant, style), what, values)
        for what, values in ((BOXES, 4), (CLASSES, classes))
    ]
    return keras.Model(backbone.input, outputs, name=name), DetectorRecord(levels)


def block_outputs(backbone: Any) -> list[Any]:
    """What the last block of strides 8, 16 and 32 gives, without an activation: the projection or the sum after it.

    Raises:
        UsageError: there is none of one of these strides.
    """
    height, width = backbone.input_shape[1:3]
    found: dict[tuple[int, ...], Any] = {}
    for layer in backbone.layers:
        if layer.name.startswith("block") and layer.name.endswith(("_project_bn", "_add")):
            found[tuple(layer.output_shape[1:3])] = layer.output
    sizes = [(-(-height // 2**level), -(-width // 2**level)) for level in LEVELS[:BACKBONE_LEVELS]]
    if not all(size in found for size in sizes):
        raise UsageError(
            f"{backbone.name} has no blocks of inverted residuals with the strides 8, 16 and 32 at {height} x {width} "
            "pixels, which EfficientDet needs."
        )
    return [found[size] for size in sizes]


def _extended(maps: Sequence[Any], channels: int, style: Style) -> list[Any]:
    """With two coarser maps, by max pooling."""
    coarser = _pooled(blocks.conv_bn(maps[-1], channels, "extra6", style, act=False), "extra6_pool")
    return [*maps, coarser, _pooled(coarser, "extra7_pool")]


def _cell(maps: Sequence[Any], channels: int, name: str, style: Style) -> list[Any]:
    """Down the pyramid, each level with the coarser one, and up again with the finer one and its own (figure 2d)."""
    middle, top = [*maps], len(maps) - 1
    for level in reversed(range(top)):
        node = f"{name}_down{LEVELS[level]}"
        own = _narrowed(maps[level], channels, node, style)
        middle[level] = _node([own, _enlarged(middle[level + 1], own, node)], channels, node, style)
    result = middle[:1]
    for level in range(1, len(maps)):
        node = f"{name}_up{LEVELS[level]}"
        given = [_narrowed(maps[level], channels, node, style), _pooled(result[-1], f"{node}_pool")]
        if level < top:  # the coarsest map had no way down
            given.insert(1, middle[level])
        result.append(_node(given, channels, node, style))
    return result


def _node(given: Sequence[Any], channels: int, name: str, style: Style) -> Any:
    """The sum of some maps, activated, then a separable convolution."""
    x = given[0]
    for number, other in enumerate(given[1:]):  # two at a time: TFLite's sum of three has no int8 form
        x = keras.layers.Add(name=f"{name}_sum{number}")([x, other])
    x = blocks.activate(x, style.activation, f"{name}_act")
    x = _depthwise(f"{name}_depthwise")(x)
    return blocks.conv_bn(x, channels, name, style, act=False)


def _narrowed(x: Any, channels: int, name: str, style: Style) -> Any:
    return x if x.shape[-1] == channels else blocks.conv_bn(x, channels, f"{name}_narrow", style, act=False)


def _enlarged(x: Any, like: Any, name: str) -> Any:
    """Each cell twice in both directions, cut to the size of the finer map, which may be odd."""
    x = keras.layers.UpSampling2D(interpolation="nearest", name=f"{name}_enlarge")(x)
    over = [int(x.shape[axis]) - int(like.shape[axis]) for axis in (1, 2)]
    if any(over):
        x = keras.layers.Cropping2D(((0, over[0]), (0, over[1])), name=f"{name}_crop")(x)
    return x


def _pooled(x: Any, name: str) -> Any:
    return keras.layers.MaxPooling2D(3, 2, padding="same", name=name)(x)


def _depthwise(name: str) -> Any:
    return keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_conv")


def _head(maps: Sequence[Any], what: str, filters: int, variant: Variant, style: Style) -> list[Any]:
    """What each map says at its cells; convolutions are shared by all maps, batch norms are each map's own."""
    maps = list(maps)
    for number in range(variant.repeats):
        name = f"head_{what}{number}"
        depthwise = _depthwise(f"{name}_depthwise")
        pointwise = keras.layers.Conv2D(variant.channels, 1, use_bias=False, name=f"{name}_conv")
        for level, x in enumerate(maps):
            own = f"level{level}_{what}{number}"
            x = blocks.batch_norm(pointwise(depthwise(x)), f"{own}_bn", style)
            maps[level] = blocks.activate(x, style.activation, f"{own}_act")
    depthwise, final = _depthwise(f"head_{what}_depthwise"), last(filters, f"head_{what}", what)
    return [final(depthwise(x)) for x in maps]

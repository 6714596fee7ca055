"""SSDLite: detection heads of depthwise-separable convolutions on the feature maps of any backbone.

Papers: SSD: Single Shot MultiBox Detector, arXiv:1512.02325 (anchors, section 2.2); MobileNetV2, arXiv:1801.04381,
section 6.2 (SSDLite; table 6: 4.3 million parameters, 0.8 billion multiply-adds); Searching for MobileNetV3,
arXiv:1905.02244, section 6.3 and table 6. Widths of the further maps and of the 1x1 convolutions before them:
https://github.com/tensorflow/models/tree/master/research/object_detection (ssd_mobilenet_v2_feature_extractor.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import UsageError
from edgecnn.models import blocks
from edgecnn.models.blocks import Style
from edgecnn.models.box_heads import BOXES, CLASSES, joined, last
from edgecnn.models.catalog import DETECTOR_SUFFIX
from edgecnn.runtime.model.anchors import DetectorRecord

FAMILY = "ssd"
STYLE = Style("relu6", momentum=0.9)  # follows within an epoch of a small data set; the average of weights smooths it
EXTRAS = (512, 256, 256, 128)  # channels of the maps behind the backbone's, each of half the size
LEVELS = 6
_MOST_HALVINGS = 12
RATIOS = (1.0, 2.0, 1 / 2, 3.0, 1 / 3)
OVERLAP = 0.5  # above which the less sure of two boxes goes: 0.6 keeps doubles, 0.4 loses neighbors (blood cells)


@dataclass(frozen=True)
class Design:
    """Where boxes are looked for.

    Attributes:
        first_stride: of the finest feature map; the others have two, four, ... times as much.
        scales: side of each level's square anchor, as a share of the input's shorter side; one more than levels.
        few_first: three anchors to a cell of the finest map instead of six, one of them small (as in the object
            detection API, `reduce_boxes_in_lowest_layer`).
    """

    first_stride: int = 8
    scales: tuple[float, ...] = (0.1, 0.2, 0.37, 0.54, 0.71, 0.88, 1.0)
    few_first: bool = False

    def sizes(self, level: int, height: int = 1, width: int = 1) -> tuple[tuple[float, float], ...]:
        """Height and width of a level's anchors: the ratios, and a square between this scale and the next.

        Args:
            level: from 0.
            height: of the input; an anchor's side is a share of the shorter side, so that squares are squares.
            width: of the input.
        """
        scale, following = self.scales[level], self.scales[level + 1]
        pairs = [(scale, ratio) for ratio in RATIOS] + [(math.sqrt(scale * following), 1.0)]
        if self.few_first and level == 0:
            pairs = [(scale / 2, 1.0), (scale, 2.0), (scale, 1 / 2)]
        tall, wide = min(height, width) / height, min(height, width) / width
        return tuple((round(tall * side / ratio**0.5, 6), round(wide * side * ratio**0.5, 6)) for side, ratio in pairs)


PUBLISHED = Design(16, (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0), few_first=True)
DESIGNS: Mapping[str, Design] = {"mobilenet_v2": PUBLISHED, "mobilenet_v3_large": PUBLISHED}
"""Of backbones whose detectors a paper describes; all others have `Design()`."""


def detector(backbone: Any, name: str, classes: int, design: Design | None = None) -> tuple[Any, DetectorRecord]:
    """A detector on a classifier's feature maps, which keep their weights.

    Args:
        backbone: a Keras classifier.
        name: of its variant, e.g. "mobilenet_v2".
        classes: how many there are; background is none of them.
        design: where boxes are looked for; by default the published one, where there is one.

    Returns:
        A Keras model from images to corrections of the anchors, (batch, anchors, 4), and logits (batch, anchors,
        classes); and what its contract records.

    Raises:
        UsageError: the backbone has no feature maps of these strides.
    """
    design = design or DESIGNS.get(name, Design())
    maps = [*feature_maps(backbone, design.first_stride)]
    while len(maps) < LEVELS:
        index = len(maps)
        maps.append(_smaller(maps[-1], EXTRAS[-(LEVELS - index)], f"extra{index}"))
    size = backbone.input_shape[1:3]
    levels = tuple((int(x.shape[1]), int(x.shape[2]), design.sizes(level, *size)) for level, x in enumerate(maps))
    boxes = [_head(x, level, BOXES, len(levels[level][2]) * 4) for level, x in enumerate(maps)]
    scores = [_head(x, level, CLASSES, len(levels[level][2]) * classes) for level, x in enumerate(maps)]
    outputs = [joined(boxes, BOXES, 4), joined(scores, CLASSES, classes)]
    record = DetectorRecord(levels, most_overlap=OVERLAP)
    return keras.Model(backbone.input, outputs, name=f"{name}{DETECTOR_SUFFIX}"), record


def feature_maps(backbone: Any, first_stride: int) -> list[Any]:
    """The last feature map of each stride, from `first_stride` on: what the network knows best at that resolution.

    Of an inverted residual that halves the map this is its expansion, as MobileNetV2 and V3 take it.

    Raises:
        UsageError: there is none of that stride, or the model takes no image of a fixed size.
    """
    height, width = backbone.input_shape[1:3]
    found: dict[int, Any] = {}
    for layer in backbone.layers:
        shape = layer.output_shape if isinstance(layer.output_shape, tuple) else ()
        if len(shape) != 4 or None in shape[1:] or isinstance(layer, keras.layers.ZeroPadding2D):
            continue
        fitting = [2**power for power in range(_MOST_HALVINGS) if _cells(height, width, 2**power) == shape[1:3]]
        if fitting and min(shape[1:3]) > 1:
            found[fitting[0]] = layer.output
    chosen = [tensor for stride, tensor in sorted(found.items()) if stride >= first_stride]
    if not chosen or first_stride not in found:
        strides = ", ".join(map(str, sorted(found))) or "none"
        raise UsageError(
            f"{backbone.name} has feature maps of the strides {strides} at {height} x {width} pixels; a detector needs "
            f"one of stride {first_stride}."
        )
    if len(chosen) < LEVELS - len(EXTRAS):
        raise UsageError(
            f"{backbone.name} has {len(chosen)} feature map of stride {first_stride} or more at {height} x {width} "
            f"pixels; a detector needs {LEVELS - len(EXTRAS)} with more than one cell. Use a larger --input-size."
        )
    return chosen[:LEVELS]


def _cells(height: int, width: int, stride: int) -> tuple[int, int]:
    return math.ceil(height / stride), math.ceil(width / stride)


def _smaller(x: Any, filters: int, name: str) -> Any:
    """A further map of half the size: 1x1 to half the channels, then a separable convolution of stride 2."""
    x = blocks.conv_bn(x, filters // 2, f"{name}_reduce", STYLE)
    return blocks.separable(x, filters, name, STYLE, stride=2)


def _head(x: Any, level: int, what: str, filters: int) -> Any:
    """What a map says at each of its cells: (batch, rows, columns, filters)."""
    return last(filters, f"level{level}_{what}", what)(blocks.depthwise_bn(x, f"level{level}_{what}_depthwise", STYLE))

"""SSDLite: detection heads of depthwise-separable convolutions on the feature maps of any backbone.

Papers: SSD: Single Shot MultiBox Detector, arXiv:1512.02325 (anchors, section 2.2); MobileNetV2, arXiv:1801.04381,
section 6.2 (SSDLite; table 6: 4.3 million parameters, 0.8 billion multiply-adds); Searching for MobileNetV3,
arXiv:1905.02244, section 6.3 and table 6. Widths of the further maps and of the 1x1 convolutions before them:
https://github.com/tensorflow/models/tree/master/research/object_detection (ssd_mobilenet_v2_feature_extractor.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import UsageError
from edgecnn.models import blocks
from edgecnn.models.blocks import Style
from edgecnn.models.catalog import DETECTOR_SUFFIX
from edgecnn.runtime.model.anchors import DetectorRecord

COCO_CLASSES = 80
FAMILY = "ssd"
TASK, OUTPUT = "detection", "boxes_and_logits"
"""Of the contract: corrections of anchors, and a logit for each class that is not the background."""
STYLE = Style("relu6", momentum=0.9)  # follows within an epoch of a small data set; the average of weights smooths it
EXTRAS = (512, 256, 256, 128)  # channels of the maps behind the backbone's, each of half the size
LEVELS = 6
PRIOR = 0.01  # of an object at an anchor, before training: RetinaNet, arXiv:1708.02002, section 4.1
RATIOS = (1.0, 2.0, 1 / 2, 3.0, 1 / 3)
OVERLAP = 0.5  # above which the less sure of two boxes goes: 0.6 keeps doubles, 0.4 loses neighbors (blood cells)
BOXES, CLASSES = "box", "class"


@dataclass(frozen=True)
class Design:
    """Where boxes are looked for.

    Attributes:
        first_stride: of the finest feature map; the others have two, four, ... times as much.
        scales: side of each level's square anchor, as a share of the input; one more than levels.
        few_first: three anchors to a cell of the finest map instead of six, one of them small (as in the object
            detection API, `reduce_boxes_in_lowest_layer`).
    """

    first_stride: int = 8
    scales: tuple[float, ...] = (0.1, 0.2, 0.37, 0.54, 0.71, 0.88, 1.0)
    few_first: bool = False

    def sizes(self, level: int) -> tuple[tuple[float, float], ...]:
        """Height and width of a level's anchors: the ratios, and a square between this scale and the next."""
        scale, following = self.scales[level], self.scales[level + 1]
        pairs = [(scale, ratio) for ratio in RATIOS] + [(math.sqrt(scale * following), 1.0)]
        if self.few_first and level == 0:
            pairs = [(scale / 2, 1.0), (scale, 2.0), (scale, 1 / 2)]
        return tuple((round(side / ratio**0.5, 6), round(side * ratio**0.5, 6)) for side, ratio in pairs)


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
    levels = tuple((int(x.shape[1]), int(x.shape[2]), design.sizes(level)) for level, x in enumerate(maps))
    boxes = [_head(x, level, BOXES, len(levels[level][2]) * 4) for level, x in enumerate(maps)]
    scores = [_head(x, level, CLASSES, len(levels[level][2]) * classes) for level, x in enumerate(maps)]
    outputs = [_joined(boxes, BOXES, 4), _joined(scores, CLASSES, classes)]
    return keras.Model(backbone.input, outputs, name=f"{name}{DETECTOR_SUFFIX}"), DetectorRecord(
        levels, most_overlap=OVERLAP
    )


def with_classes(model: Any, classes: int) -> Any:
    """A detector for other classes: new convolutions give the logits, all other layers keep their weights.

    Raises:
        UsageError: it is no detector of ours.
    """
    per_cell = [shape[2] for shape in _class_heads(model)]
    old = model.outputs[1].shape[-1]
    scores = []
    for level, filters in enumerate(per_cell):
        before = model.get_layer(_name(level, CLASSES)).input
        scores.append(_last(before, level, CLASSES, filters // old * classes))
    return keras.Model(model.input, [model.outputs[0], _joined(scores, CLASSES, classes)], name=model.name)


def is_detector(model: Any) -> bool:
    """Whether a model has heads that `detector` made."""
    return len(model.outputs) == 2 and any(layer.name == _name(0, CLASSES) for layer in model.layers)


def head_layers(model: Any) -> list[Any]:
    """All layers that the backbone hasn't."""
    return [layer for layer in model.layers if layer.name.startswith(("level", "extra"))]


def _class_heads(model: Any) -> list[tuple[int, int, int]]:
    if not is_detector(model):
        raise UsageError(f"{model.name} has no SSD heads. Build a detector with: edgecnn build NAME{DETECTOR_SUFFIX}")
    names = {layer.name for layer in model.layers}
    levels = [level for level in range(LEVELS) if _name(level, CLASSES) in names]
    return [tuple(model.get_layer(_name(level, CLASSES)).output_shape[1:]) for level in levels]


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
        stride = 2 ** round(math.log2(height / shape[1]))
        if (shape[1], shape[2]) == (math.ceil(height / stride), math.ceil(width / stride)) and min(shape[1:3]) > 1:
            found[stride] = layer.output
    chosen = [tensor for stride, tensor in sorted(found.items()) if stride >= first_stride]
    if not chosen or first_stride not in found:
        strides = ", ".join(map(str, sorted(found))) or "none"
        raise UsageError(
            f"{backbone.name} has feature maps of the strides {strides} at {height} x {width} pixels; a detector needs "
            f"one of stride {first_stride}."
        )
    return chosen[:LEVELS]


def _smaller(x: Any, filters: int, name: str) -> Any:
    """A further map of half the size: 1x1 to half the channels, then a separable convolution of stride 2."""
    x = blocks.conv_bn(x, filters // 2, f"{name}_reduce", STYLE)
    return blocks.separable(x, filters, name, STYLE, stride=2)


def _name(level: int, what: str) -> str:
    return f"level{level}_{what}_conv"


def _head(x: Any, level: int, what: str, filters: int) -> Any:
    """What a map says at each of its cells: (batch, rows, columns, filters)."""
    return _last(blocks.depthwise_bn(x, f"level{level}_{what}_depthwise", STYLE), level, what, filters)


def _last(x: Any, level: int, what: str, filters: int) -> Any:
    bias = -math.log((1 - PRIOR) / PRIOR) if what == CLASSES else 0.0
    normal = keras.initializers.TruncatedNormal(stddev=0.03)
    start = keras.initializers.Constant(bias)
    return blocks.conv(x, filters, f"level{level}_{what}", kernel_initializer=normal, bias_initializer=start)


def _joined(maps: Sequence[Any], what: str, values: int) -> Any:
    """All maps one after the other, (batch, anchors, values)."""
    rows = [
        keras.layers.Reshape((x.shape[1] * x.shape[2] * (x.shape[3] // values), values), name=f"level{n}_{what}_rows")(
            x
        )
        for n, x in enumerate(maps)
    ]
    return keras.layers.Concatenate(axis=1, name=f"level_{what}_all")(rows)

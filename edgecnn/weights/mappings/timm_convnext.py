"""timm's ConvNeXt (timm/models/convnext.py)."""

from __future__ import annotations

from edgecnn.weights.mapping import Names

FAMILIES = ("convnext",)
LIBRARIES = ("timm",)

DOWN = {f"down{n}_{ours}": f"stages.{n}.downsample.{n_}" for n in (1, 2, 3) for ours, n_ in (("norm", 0), ("conv", 1))}
NAMES = Names(
    ends={"stem_conv": "stem.0", "stem_norm": "stem.1", **DOWN, "features_norm": "head.norm", "logits": "head.fc"},
    block=r"stages\.\d+\.blocks\.\d+",
    parts=(
        {
            "depthwise_conv": "conv_dw",
            "norm": "norm",
            "expand_conv": "mlp.fc1",
            "project_conv": "mlp.fc2",
            "scale": "gamma",
        },
    ),
)

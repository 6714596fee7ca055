"""torchvision's ConvNeXt (torchvision/models/convnext.py): stages are the odd entries of `features`."""

from __future__ import annotations

from edgecnn.weights.mapping import Names

FAMILIES = ("convnext",)
LIBRARIES = ("torchvision",)

DOWN = {f"down{n}_{ours}": f"features.{2 * n}.{n_}" for n in (1, 2, 3) for ours, n_ in (("norm", 0), ("conv", 1))}
NAMES = Names(
    ends={
        "stem_conv": "features.0.0",
        "stem_norm": "features.0.1",
        **DOWN,
        "features_norm": "classifier.0",
        "logits": "classifier.2",
    },
    block=r"features\.[1357]\.\d+",
    parts=(
        {
            "depthwise_conv": "block.0",
            "norm": "block.2",
            "expand_conv": "block.3",
            "project_conv": "block.5",
            "scale": "layer_scale",
        },
    ),
)

"""timm's ConvFormer (timm/models/metaformer.py)."""

from __future__ import annotations

from edgecnn.weights.mapping import Names

FAMILIES = ("convformer",)
LIBRARIES = ("timm",)

DOWN = {f"down{n}_{part}": f"stages.{n}.downsample.{part}" for n in (1, 2, 3) for part in ("norm", "conv")}
NAMES = Names(
    ends={
        "stem_conv": "stem.conv",
        "stem_norm": "stem.norm",
        **DOWN,
        "features_norm": "head.norm",
        "head": "head.fc.fc1",
        "head_norm": "head.fc.norm",
        "logits": "head.fc.fc2",
    },
    block=r"stages\.\d+\.blocks\.\d+",
    parts=(
        {
            "mixer_norm": "norm1",
            "mixer_expand_conv": "token_mixer.pwconv1",
            "mixer_act": "token_mixer.act1",
            "mixer_depthwise_conv": "token_mixer.dwconv",
            "mixer_project_conv": "token_mixer.pwconv2",
            "mixer_shortcut_scale": "res_scale1.scale",
            "norm": "norm2",
            "expand_conv": "mlp.fc1",
            "act": "mlp.act",
            "project_conv": "mlp.fc2",
            "shortcut_scale": "res_scale2.scale",
        },
    ),
)

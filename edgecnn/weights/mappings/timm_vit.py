"""timm's ViT and DeiT (timm/models/vision_transformer.py): queries, keys and values are one dense layer."""

from __future__ import annotations

from edgecnn.weights.mapping import Names, Share

FAMILIES = ("vit",)
LIBRARIES = ("timm",)

NAMES = Names(
    ends={
        "patches_conv": "patch_embed.proj",
        "class_token": "cls_token",
        "positions": "pos_embed",
        "features_norm": "norm",
        "logits": "head",
    },
    block=r"blocks\.\d+",
    parts=(
        {
            "mixer_norm": "norm1",
            "query_dense": Share("attn.qkv", 0),
            "key_dense": Share("attn.qkv", 1),
            "value_dense": Share("attn.qkv", 2),
            "out_dense": "attn.proj",
            "norm": "norm2",
            "expand_dense": "mlp.fc1",
            "project_dense": "mlp.fc2",
        },
    ),
)

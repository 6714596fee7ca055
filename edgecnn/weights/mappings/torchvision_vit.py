"""torchvision's ViT (torchvision/models/vision_transformer.py): torch.nn.MultiheadAttention has its own names."""

from __future__ import annotations

from edgecnn.weights.mapping import Names, Share

FAMILIES = ("vit",)
LIBRARIES = ("torchvision",)

NAMES = Names(
    ends={
        "patches_conv": "conv_proj",
        "class_token": "class_token",
        "positions": "encoder.pos_embedding",
        "features_norm": "encoder.ln",
        "logits": "heads.head",
    },
    block=r"encoder\.layers\.encoder_layer_\d+",
    parts=(
        {
            "mixer_norm": "ln_1",
            "query_dense": Share("self_attention.in_proj_{}", 0),
            "key_dense": Share("self_attention.in_proj_{}", 1),
            "value_dense": Share("self_attention.in_proj_{}", 2),
            "out_dense": "self_attention.out_proj",
            "norm": "ln_2",
            "expand_dense": "mlp.0",
            "project_dense": "mlp.3",
        },
    ),
)

"""What `edgecnn build` takes."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.options import Settings, option


@dataclass(frozen=True)
class BuildSettings(Settings):
    """A variant of an architecture, and its weights."""

    input_size: int | None = option(
        "Height and width of the input; the network halves them five times.",
        low=32, high=2048, unit="pixels", metavar="N", default_help="the paper's; 320 for NAME_ssd",
        also=("image-size", "img-size", "imgsz", "resolution"),
    )  # fmt: skip
    input_width: int | None = option(
        "Width of a detector's input where it differs from the height, as for cameras of 16:9.",
        low=32, high=2048, unit="pixels", metavar="N", default_help="the height",
    )  # fmt: skip
    width: float = option("Factor on the channel counts.", 1.0, low=0.1, high=4.0, metavar="F")
    classes: int | None = option(
        "Number of classes; a detector may have one.",
        low=1, high=100_000, metavar="N",
        default_help="the number of classes of the weights, or 1000 as in ImageNet; 80 for a detector",
    )  # fmt: skip
    color: str = option("Color or grayscale images.", "rgb", choices=("rgb", "gray"))
    weights: str = option(
        "Initial weights: none (random), imagenet (pretrained), a file (.keras, .h5; timm's or torchvision's "
        ".safetensors, .pth), or from the hub: timm:NAME.TAG, hf:ORG/NAME[@REVISION].",
        "none", metavar="none|imagenet|FILE|timm:...|hf:..."
    )  # fmt: skip
    weights_of: str | None = option(
        "Published model whose weights a PyTorch file has, or was fine-tuned from, for example "
        "timm:resnet50.a1_in1k.",
        metavar="LIBRARY:NAME.TAG", default_help="taken from its config.json, its name, or the only model that fits",
    )  # fmt: skip
    anchors_from: str | None = option(
        "Data set to whose boxes a detector's anchors are fitted, by k-means on their overlap.", metavar="DATA",
        default_help="SSD's anchors",
    )  # fmt: skip
    seed: int = option("Seed of the random weights.", 0, low=0, high=2**32 - 1, metavar="N")

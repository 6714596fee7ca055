"""What a person says of an image encoder by others."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.options import Settings, option

LAYOUTS = ("NCHW", "NHWC")


@dataclass(frozen=True)
class EncoderHints(Settings):
    """What the files of an encoder leave open. What neither they nor these say is an error, not an assumption."""

    TITLE = "A teacher or encoder by others"

    encoder_mean: tuple[float, ...] | None = option(
        "Its input normalization in pixel values, 0 to 255: one number, or one per channel.", metavar="M[,M,M]",
        default_help="what its files say",
    )  # fmt: skip
    encoder_std: tuple[float, ...] | None = option(
        "Its input is (pixel - mean) / std.", above=0, metavar="S[,S,S]", default_help="what its files say"
    )
    encoder_size: int | None = option(
        "Its input height and width, if the model does not fix them.",
        low=8, high=2048, unit="pixels", metavar="N", default_help="what its files say",
    )  # fmt: skip
    encoder_crop: float | None = option(
        "Side of the center crop that it sees, as a share of the image's shorter side.",
        above=0, high=1, metavar="SHARE", default_help="what its files say, or 1",
    )  # fmt: skip
    encoder_layout: str | None = option(
        "Order of the axes of its input.", choices=LAYOUTS, default_help="by its input's shape"
    )
    encoder_output: str | None = option(
        "The output to take, if it has several; of a Keras model the name of a layer.", metavar="NAME",
        default_help="its only output of vectors",
    )  # fmt: skip

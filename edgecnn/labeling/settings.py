"""What `edgecnn label` takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.options import REQUIRED, Settings, option, part
from edgecnn.encoders.settings import EncoderHints


@dataclass(frozen=True)
class LabelOptions(Settings):
    """How images are labeled."""

    encoder: Path = option("The image encoder, .onnx or .keras.", REQUIRED, metavar="FILE")
    classes: tuple[str, ...] = option("Names of the classes.", (), metavar="CLASS,...")
    labels: Path | None = option("Names of the classes, one per line.", metavar="FILE")
    text_encoder: Path | None = option("The text encoder that belongs to it, .onnx or .keras.", metavar="FILE")
    tokenizer: Path | None = option(
        "CLIP's byte-pair encoding: tokenizer.json, merges.txt or bpe_simple_vocab_16e6.txt.gz.", metavar="FILE"
    )
    embeddings: Path | None = option(
        "Text embeddings instead of a text encoder: .npy, a row per class, or .npz, an array per class.", metavar="FILE"
    )
    template: tuple[str, ...] = option(
        "A sentence about a class, which stands for {}; may be repeated.", ("a photo of a {}.",),
        metavar="TEXT", repeated=True, default_help="a photo of a {}.",
    )  # fmt: skip
    min_confidence: float = option("Keep images whose class has this probability.", 0.8, low=0, below=1, metavar="F")
    logit_scale: float | None = option(
        "Factor of the cosine similarities before the softmax.", above=0, high=10_000, metavar="F",
        default_help="100, as CLIP's; fitted, with --labeled",
    )  # fmt: skip
    labeled: str | None = option(
        "A few images with their true classes, to fit the probabilities and to measure the error.", metavar="DATA"
    )
    hints: EncoderHints = part(EncoderHints)

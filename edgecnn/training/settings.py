"""How weights are fitted, and what `edgecnn train` takes: frozen values, checked when they are made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.hints import Hints
from edgecnn.core.options import COMMANDS, PROGRAMS, Settings, changes, option, part, same_as
from edgecnn.core.registry import TRAINING_STRATEGIES
from edgecnn.data.augmentation import PRESETS
from edgecnn.data.settings import SplitSettings
from edgecnn.encoders.settings import EncoderHints

CLASS_LOSSES, BOX_LOSSES = ("quality", "focal"), ("giou", "diou", "smooth_l1")
"""Names in `edgecnn.tasks.box_losses`, which help must not import."""


@dataclass(frozen=True)
class FitSettings(Settings):
    """Settings of one fit.

    AdamW (arXiv:1711.05101) decays kernels only; the learning rate rises in the warm-up and then falls to 0 along a
    cosine (arXiv:1608.03983); label smoothing is arXiv:1512.00567, section 7; distillation is arXiv:1503.02531.
    """

    TITLE = "Training"

    epochs: int = option("Training epochs (passes over the training set).", 10, low=1, high=100_000, metavar="N")
    batch_size: int = option(
        "Images per step, over all workers together.", 64, low=1, high=65_536, metavar="N", also=("batch",)
    )
    learning_rate: float = option(
        "Peak learning rate of the last layers (head); in pruning and QAT, of all layers.", 1e-3,
        low=0, high=10, metavar="F", also=("lr", "lr0"),
    )  # fmt: skip
    backbone_learning_rate: float | None = option(
        "Peak learning rate of all layers except the head.", low=0, high=10, metavar="F", default_help="the head's"
    )
    weight_decay: float = option("Weight decay of AdamW, on kernels only.", 1e-2, low=0, high=1, metavar="F")
    warmup: float = option("Learning-rate warm-up, as a share of all steps.", 0.1, low=0, high=1, metavar="SHARE")
    label_smoothing: float = option(
        "Label smoothing: share of the target probability spread over all classes.",
        0.1,
        low=0,
        high=0.9,
        metavar="SHARE",
    )
    patience: int = option(
        "Stop after N epochs without a better validation accuracy; 0 to disable.",
        0, low=0, high=100_000, metavar="N",
    )  # fmt: skip
    augment: str = option("Preset of random image augmentation.", "light", choices=PRESETS, metavar="PRESET")
    weight_average: float = option(
        "Decay of a moving average of the weights, which is evaluated and kept instead of the weights; 0 for none.",
        0.0, low=0, high=0.99999, metavar="F",
    )  # fmt: skip
    class_weights: bool = option("Weight each image by the inverse frequency of its class.", False)
    class_loss: str = option(
        "Classification loss of detectors: focal (arXiv:1708.02002), or quality focal (arXiv:2006.04388), with which "
        "scores say how well a box fits, too.",
        "quality", choices=CLASS_LOSSES, metavar="NAME",
    )  # fmt: skip
    box_loss: str = option(
        "Localization loss of detectors: generalized IoU (arXiv:1902.09630), distance IoU (arXiv:1911.08287) or smooth "
        "L1 of the corrections.",
        "giou", choices=BOX_LOSSES, metavar="NAME",
    )  # fmt: skip
    keep_best: bool = option(
        "Keep the weights of the epoch with the best validation accuracy instead of the last.", True, offered=PROGRAMS
    )
    save_every_steps: int = option(
        "Write a checkpoint every N steps of an epoch, and at its end.",
        500, low=1, high=1_000_000_000, offered=PROGRAMS,
    )  # fmt: skip
    temperature: float = option("Temperature of both softmaxes in distillation.", 4.0, low=0.1, high=1000, metavar="T")
    distillation_weight: float = option(
        "Weight of the teacher in the loss, relative to the labels.", 0.7, low=0, high=1, metavar="SHARE"
    )
    shuffle_buffer: int = option(
        "Images from which the next one is drawn at random while shards are streamed; the order of shards is random "
        "too.",
        10_000, low=1, high=100_000_000, metavar="N",
    )  # fmt: skip
    recompute: str = option(
        "Compute batch norms and activations again in the backward pass instead of keeping them: about half of the "
        "memory of a batch, a tenth more time. auto does where images are streamed.",
        "auto", choices=("auto", "always", "never"), metavar="WHEN",
    )  # fmt: skip
    seed: int = option("Seed for data order, augmentation and dropout.", 0, low=0, high=2**31 - 1, metavar="N")

    def replace(self, **changed: Any) -> FitSettings:
        """A copy with some fields changed; a change to None keeps the field."""
        return dataclasses.replace(self, **{name: value for name, value in changed.items() if value is not None})


@dataclass(frozen=True)
class LessonSettings(Settings):
    """What is learned from a teacher, and from which images."""

    TITLE = "Distillation"

    distill: str = option(
        "What is learned from the teacher: its logits, or the features of an encoder. auto: logits where its classes "
        "are known, else features.", "auto", choices=("auto", "logits", "features"),
    )  # fmt: skip
    unlabeled: str | None = option(
        "More images for the teacher to teach on; their labels, if any, are not used.", metavar="DATA"
    )
    teacher_labels: Path | None = option("Class names of a teacher by others, in output order.", metavar="FILE")
    distill_epochs: int | None = option(
        "Epochs of learning a teacher's features.", low=1, high=100_000, metavar="N", default_help="the strategy's"
    )
    encoder: EncoderHints = part(EncoderHints)

    def said(self) -> list[str]:
        """Keys of what was said."""
        encoder = [name for name, value in vars(self.encoder).items() if value is not None]
        own = [name for name in ("unlabeled", "teacher_labels", "distill_epochs") if getattr(self, name) is not None]
        return [*(["distill"] if self.distill != "auto" else []), *own, *encoder]


@dataclass(frozen=True)
class TrainOptions(Settings):
    """What `edgecnn train` takes.

    `overrides` are fields of `FitSettings` that replace the strategy's own.
    """

    data: str = same_as(SplitSettings, "data")
    strategy: str = option(
        "Training strategy: head fits only the last layer, finetune fits all layers of a pretrained model, auto "
        "does one after the other, scratch starts from random weights.",
        "auto", choices=TRAINING_STRATEGIES.names, metavar="NAME",
    )  # fmt: skip
    overrides: Mapping[str, Any] = changes(FitSettings, default_help="the strategy's")
    validation: str | None = same_as(SplitSettings, "validation")
    test: str | None = same_as(SplitSettings, "test")
    validation_share: float = same_as(SplitSettings, "validation_share")
    images: str = same_as(SplitSettings, "images")
    strict: bool = option("Fail on unreadable images instead of skipping them.", False)
    unfreeze: int | None = option("Fine-tune only the last N blocks.", low=0, metavar="N", default_help="all blocks")
    teacher: str | None = option(
        "Distill from this model: a classifier of the same classes, or any image encoder (DINOv2, CLIP, ...), Keras or "
        "ONNX.", metavar="FILE",
    )  # fmt: skip
    anchors: str = option(
        "Anchors of a detector: data fits them to the training boxes, by k-means on overlap; model keeps the model's; "
        "auto fits those of heads that were never trained.",
        "auto", choices=("auto", "data", "model"), metavar="NAME",
    )  # fmt: skip
    cluster: tuple[str, ...] = option(
        "Addresses of all workers, for training on several machines; TF_CONFIG works too.",
        (), metavar="HOST:PORT,...", offered=COMMANDS,
    )  # fmt: skip
    worker: int | None = option(
        "Number of this worker.",
        low=0, metavar="N", offered=COMMANDS, default_help="the number that Slurm, Kubernetes or MPI assigns",
    )  # fmt: skip
    hints: Hints = part(Hints)
    lesson: LessonSettings = part(LessonSettings)

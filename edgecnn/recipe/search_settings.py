"""What `edgecnn search` takes: the section [search] of a recipe."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.options import Settings, option, part
from edgecnn.core.registry import BOARDS
from edgecnn.data.settings import SplitSettings
from edgecnn.models.catalog import names

SCHEMES = {"int8": "int8", "int8_per_tensor": "int8", "float16": "float32", "float32": "float32"}
"""Schemes of the space, and the number format in which each computes: those that a law can estimate."""


@dataclass(frozen=True)
class SpaceSettings(Settings):
    """The candidates: every combination of these."""

    TITLE = "Space"

    architectures: tuple[str, ...] = option(
        "Architectures.", (), choices=names, listed_by="edgecnn models", metavar="NAME[,NAME...]",
        default_help="those with ImageNet weights and at most 10^9 published multiply-accumulates",
    )  # fmt: skip
    widths: tuple[float, ...] = option(
        "Factors on the channel counts.", (), low=0.1, high=4.0, metavar="F[,F...]",
        default_help="those that have ImageNet weights",
    )  # fmt: skip
    input_sizes: tuple[int, ...] = option(
        "Heights and widths of the input.", (), low=32, high=2048, unit="pixels", metavar="N[,N...]",
        default_help="96 to 224, at most 4 times the images' typical shorter side",
    )  # fmt: skip
    keeps: tuple[float, ...] = option(
        "Shares of the multiply-accumulates that channel pruning keeps; 1 prunes nothing.",
        (1.0,), above=0, high=1, metavar="SHARE[,SHARE...]", default_help="1",
    )  # fmt: skip
    schemes: tuple[str, ...] = option(
        "Quantization schemes.", ("int8",), choices=tuple(SCHEMES), metavar="SCHEME[,SCHEME...]", default_help="int8"
    )
    weights: str = option(
        "Initial weights; auto takes random ones where ImageNet's are not installed, and trains from scratch.",
        "imagenet", choices=("imagenet", "auto", "none"),
    )  # fmt: skip


@dataclass(frozen=True)
class Constraints(Settings):
    """What the model must keep."""

    TITLE = "Constraints"

    fps: float | None = option("Minimum frames per second, one inference after another.", above=0, metavar="N")
    max_latency_ms: float | None = option("Maximum latency.", above=0, unit="milliseconds", metavar="MS")
    max_size_mb: float | None = option("Maximum size of the artifact.", above=0, unit="megabytes", metavar="MB")
    max_energy_mj: float | None = option(
        "Maximum energy of an inference, estimated.", above=0, unit="millijoules", metavar="MJ"
    )
    edge_tpu: bool = option("The whole graph must map to an Edge TPU, by its published rules.", False)

    @property
    def latency_ms(self) -> float | None:
        """The stricter of the two bounds on latency."""
        bounds = [bound for bound in (self.max_latency_ms, self.fps and 1000 / self.fps) if bound]
        return min(bounds, default=None)


@dataclass(frozen=True)
class EffortSettings(Settings):
    """How much is tried."""

    TITLE = "Effort"

    trials: int = option("Candidates that get a trial.", 24, low=1, high=10_000, metavar="N")
    trial_images: int = option(
        "Training images of a full trial; the first ones have a ninth of it.", 9000, low=9, metavar="N"
    )
    trial_epochs: int = option("Training epochs of a trial from random weights.", 8, low=1, metavar="N")
    finalists: int = option("Models that are trained, quantized, verified and measured.", 5, low=1, metavar="N")
    budget: float | None = option(
        "Time limit of the search, over all runs of it.", above=0, unit="minutes", metavar="MINUTES",
        default_help="no limit",
    )  # fmt: skip
    workers: int | None = option(
        "Trials at the same time on this machine, one thread each.", low=1, high=256, metavar="N",
        default_help="all processors, at most 8",
    )  # fmt: skip
    ray: str | None = option(
        "Run the trials on a Ray cluster: its address, or auto.", metavar="ADDRESS|auto",
        default_help="processes of this machine",
    )  # fmt: skip
    seed: int = option("Seed of the search and of its trials.", 0, low=0, high=2**31 - 1, metavar="N")


@dataclass(frozen=True)
class PlaceSettings(Settings):
    """Where the model will run."""

    TITLE = "Device"

    device: str | None = option(
        "Device that the finalists are measured on; its calibration gives the estimates.", metavar="DEVICE"
    )
    board: str | None = option(
        "Board whose published measurements give the estimates, for a device that is not calibrated or not at hand.",
        metavar="BOARD", choices=BOARDS.names,
    )  # fmt: skip
    threads: int | None = option(
        "Processor threads of the device.", low=1, high=256, metavar="N", default_help="those of the estimates"
    )


@dataclass(frozen=True)
class SearchSettings(SplitSettings):
    """What to search for, where, and how long."""

    place: PlaceSettings = part(PlaceSettings)
    space: SpaceSettings = part(SpaceSettings)
    constraints: Constraints = part(Constraints)
    effort: EffortSettings = part(EffortSettings)

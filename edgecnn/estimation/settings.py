"""What `edgecnn estimate` and `edgecnn devices calibrate` take."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.options import Settings, option
from edgecnn.core.registry import BOARDS


@dataclass(frozen=True)
class EstimateSettings(Settings):
    """Where a model would run."""

    TITLE = "Estimates"

    board: str | None = option(
        "Board to estimate for, from published measurements.", metavar="BOARD", choices=BOARDS.names
    )
    device: str | None = option(
        "Device to estimate for that `edgecnn devices calibrate` has calibrated.", metavar="DEVICE"
    )
    threads: int | None = option(
        "Processor threads.", low=1, high=256, metavar="N", default_help="those of the measurements"
    )
    runtime: str | None = option(
        "Runtime of the measurements, or a part of its name.", metavar="TEXT", default_help="the newest TFLite"
    )
    delegate: str | None = option(
        "Delegate of the measurements: cpu, or what the device was calibrated with.",
        metavar="DELEGATE", default_help="cpu, if it was measured",
    )  # fmt: skip

    @property
    def is_given(self) -> bool:
        """Whether an estimate was asked for."""
        return self != EstimateSettings()


@dataclass(frozen=True)
class CalibrateSettings(Settings):
    """How a device runs its probes."""

    delegate: str = option(
        "Delegate that runs the operators there: cpu, edgetpu[:usb|:pci|:N] or a library.", "cpu", metavar="DELEGATE"
    )
    threads: int | None = option(
        "Processor threads.", low=1, high=256, metavar="N", default_help="all processors, at most 4"
    )

"""What `edgecnn profile` takes."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.options import Settings, option


@dataclass(frozen=True)
class Place(Settings):
    """Where a model runs."""

    device: str = option(
        "Device: local, browser, phone (shows a QR code), adb (Android by USB), a name from `edgecnn devices list`, or "
        "[ssh://][user@]host[:port].",
        "local", metavar="DEVICE", also=("board", "host", "target"),
    )  # fmt: skip
    delegate: str = option(
        "Delegate that runs the operators there: cpu, edgetpu[:usb|:pci|:N] or a library.", "cpu", metavar="DELEGATE"
    )


@dataclass(frozen=True)
class ProfileSettings(Place):
    """How latency is measured."""

    threads: tuple[int, ...] = option(
        "Number of processor threads; several, e.g. 1,2,4, give a row each.",
        (), low=1, high=256, metavar="N[,N...]", default_help="all processors, at most 4",
        also=("num-threads",),
    )  # fmt: skip
    runs: int = option("Number of measured inferences per row.", 100, low=1, metavar="N", also=("num-runs",))
    warmup: int = option("Number of warm-up inferences before them.", 10, low=0, metavar="N")
    budget: float = option(
        "Time limit for the inferences of each row.", 60.0, above=0, unit="seconds", metavar="SECONDS"
    )


@dataclass(frozen=True)
class FurtherSettings(Settings):
    """What is measured besides."""

    TITLE = "Further measurements"

    sustained: float | None = option(
        "Also run continuously for this many seconds; record speed, temperature, clock and throttling.",
        low=1, unit="seconds", metavar="SECONDS",
    )  # fmt: skip
    per_op: bool = option(
        "Also time each operator, with the first number of --threads, and compare it with the board's limits.", False
    )
    node_data: str | None = option(
        "With --per-op: write the operators' latencies for Google's Model Explorer.", metavar="FILE", writes=True
    )

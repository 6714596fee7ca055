"""What `edgecnn compare` takes."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.options import Settings, option

ORDERS = ("accuracy", "latency", "size")


@dataclass(frozen=True)
class CompareSettings(Settings):
    """Order and bounds of the table."""

    sort: str = option("Order of the rows, the best first.", "accuracy", choices=ORDERS)
    min_accuracy: float | None = option(
        "Leave out models with a lower accuracy.", low=0, high=100, unit="percent", metavar="PERCENT"
    )
    max_latency_ms: float | None = option(
        "Leave out models that are slower, measured or estimated.", above=0, unit="milliseconds", metavar="MS"
    )
    max_size_mb: float | None = option("Leave out larger files.", above=0, unit="megabytes", metavar="MB")

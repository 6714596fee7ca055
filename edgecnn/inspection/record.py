"""What `edgecnn inspect` writes as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from edgecnn.graph.cost import Cost
from edgecnn.runtime.model.validation import Record

Pair = tuple[int, int]


@dataclass(frozen=True)
class ReachRecord(Record):
    """What a layer's units see; (vertical, horizontal) each.

    Attributes:
        size: of the receptive field, in pixels.
        effective_stride: from one unit's field to the next one's.
        first_center: of the first unit's field.
        effective_padding: how far that field reaches beyond the image.
        aligned: whether all paths to the layer agree on where its units look.
        beyond_convolutions: whether something else mixes places too (attention, squeeze-and-excite).
    """

    size: tuple[float, ...]
    effective_stride: tuple[float, ...]
    first_center: tuple[float, ...]
    effective_padding: tuple[float, ...]
    aligned: bool
    beyond_convolutions: bool


@dataclass(frozen=True)
class LayerRecord(Record):
    """One layer, see `edgecnn.inspection.analysis.LayerReport`; what slides no window has None for it."""

    INLINE = "cost"
    EXTRA = "extra"
    DERIVED = ("macs_per_byte",)

    name: str
    op: str
    output_shape: tuple[int, ...]
    cost: Cost
    kernel: Pair | None = None
    stride: Pair | None = None
    dilation: Pair | None = None
    padding: str | None = None
    padding_before: Pair | None = None
    padding_after: Pair | None = None
    arithmetic: str = ""
    groups: int = 1
    receptive_field: ReachRecord | None = None
    sees_whole_picture: float | None = None
    regular_macs: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def macs_per_byte(self) -> float:
        """Arithmetic intensity."""
        return round(self.cost.macs_per_byte, 3)


@dataclass(frozen=True)
class NetworkRecord(Record):
    """A whole network, see `edgecnn.inspection.analysis.Report`."""

    DERIVED = ("macs_per_byte",)

    model: str
    source: str
    input_shape: tuple[int, ...]
    parameters: int
    parameter_bytes: int
    macs: int
    macs_with_regular_convolutions: int
    bytes_moved: int
    peak_activation_bytes: int
    peak_layer: str
    last_feature_map: LayerRecord | None
    contract: dict[str, Any] | None
    layers: tuple[LayerRecord, ...]

    @property
    def macs_per_byte(self) -> float:
        """Arithmetic intensity."""
        return round(self.macs / self.bytes_moved, 3) if self.bytes_moved else 0.0

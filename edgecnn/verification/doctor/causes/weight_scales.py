"""One scale for all channels of a layer's weights, though the channels differ."""

from __future__ import annotations

import numpy as np

from edgecnn.graph.pairing import Pair
from edgecnn.verification.doctor.case import Case, Finding

_TIMES = 8.0  # largest channel to the median one
_CURVES = {"LOGISTIC": "swish or a squeeze-excite gate", "HARD_SWISH": "hard-swish", "TANH": "tanh"}


def examine(case: Case) -> Finding | None:
    """Look for the layer whose median channel uses the fewest steps."""
    single = [
        pair
        for pair in case.simulation.pairs
        if pair.layer and pair.scales is not None and pair.scales.size == 1 and _channels(case, pair).size > 1
    ]
    if not single:
        return None
    spread = {pair.number: _spread(_channels(case, pair)) for pair in single}
    worst = max(single, key=lambda pair: spread[pair.number])
    if spread[worst.number] < _TIMES:
        return None
    kinds = {operator.name for operator in case.network.graph.operators}
    curves = [name for kind, name in _CURVES.items() if kind in kinds]
    because = f" The network has {' and '.join(curves)}, across which channels can't be equalized." if curves else ""
    return Finding(
        "weight_scales",
        f"{len(single)} layers have one weight scale for all their channels, whose weights differ in size.",
        f"In {case.layer_of(worst.output)} the weights of the largest channel are {spread[worst.number]:.0f} "
        f"times those of the median channel, which uses only {127 / spread[worst.number]:.1f} of 127 "
        f"steps.{because}",
        "Use per-channel weights: edgecnn quantize ... --scheme int8"
        + ("" if curves else " (for an accelerator with per-tensor weights: --scheme int8_per_tensor --improve best)"),
        case.layer_of(worst.output),
        case.before_snr_db,
        case.after_snr_db(level=case.level),
    )


def _channels(case: Case, pair: Pair) -> np.ndarray:
    """Largest magnitude of each output channel's float weights."""
    assert pair.layer is not None
    largest: np.ndarray = np.abs(case.network.matrix(pair.layer)).max(axis=2).reshape(-1)
    return largest[largest > 0]


def _spread(channels: np.ndarray) -> float:
    return float(channels.max() / np.median(channels))

"""One channel is so much larger than all others that these use only a few quantization steps."""

from __future__ import annotations

import numpy as np

from edgecnn.graph.float_graph import FloatGraph
from edgecnn.quantization.remedies import equalization
from edgecnn.verification.doctor.case import Case, Finding


def examine(case: Case) -> Finding | None:
    """Look for the activation with the largest ratio of a channel to the median channel."""
    ratios = {index: channels.ratio for index, channels in case.channels.items()}
    source = case.network.graph.inputs[0]
    ratios.pop(source, None)
    worst = max(ratios, key=lambda index: ratios[index])
    if ratios[worst] < equalization.EXPLODING or case.network.graph.tensors[worst].shape[-1] < 4:
        return None
    reach = case.channels[worst].reach
    median = float(np.median(reach[reach > 0]))
    step = reach.max() / 255
    network = FloatGraph(case.float_model)
    factors = equalization.equalize(network, case.channels, only=worst)
    curable = worst in factors
    return Finding(
        "exploding_channel",
        f"Channel {int(reach.argmax())} of {case.layer_of(worst)} is {ratios[worst]:.0f} times as large as the others.",
        f"This channel reaches {reach.max():.3g}, the median channel only {median:.3g}. With a quantization step "
        f"of {step:.3g}, the other channels use {median / step:.1f} of 255 steps.",
        ("Scale the channel down in its producer and up in its consumers (equalization), or train with weight decay.")
        if curable
        else "Train with weight decay, or keep this layer in float (--max-drop tries it).",
        case.layer_of(worst),
        case.before_snr_db,
        case.after_snr_db(model=network.to_bytes()) if curable else None,
    )

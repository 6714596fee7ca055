"""Channels whose output is always zero: they cost time and change nothing."""

from __future__ import annotations

import numpy as np

from edgecnn.verification.doctor.case import Case, Finding

_SHARE = 0.25


def examine(case: Case) -> Finding | None:
    """Count channels that hold zero for every image."""
    dead = {index: int((channels.reach == 0).sum()) for index, channels in case.channels.items()}
    total = {index: channels.reach.size for index, channels in case.channels.items()}
    produced = [layer.output for layer in case.network.layers.values()]
    worst = max(produced, key=lambda index: dead[index] / total[index])
    if dead[worst] < _SHARE * total[worst]:
        return None
    count = int(np.sum([dead[index] for index in produced]))
    return Finding(
        "dead_channels",
        f"{count} channels are zero for every image.",
        f"{case.layer_of(worst)} has most of them: {dead[worst]} of its {total[worst]} channels.",
        "They do not reduce int8 accuracy, but removing them makes the model faster: edgecnn prune ... "
        "--method channels",
        case.layer_of(worst),
        case.before_snr_db,
        None,
    )

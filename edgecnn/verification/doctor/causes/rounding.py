"""Weights rounded to nearest, each by itself."""

from __future__ import annotations

from edgecnn.verification.doctor.case import Case, Finding

_WORTH_DB = 1.0


def examine(case: Case) -> Finding | None:
    """Try the better rounding, unless the artifact has it already."""
    per_channel = any(pair.scales is not None and pair.scales.size > 1 for pair in case.simulation.pairs)
    if case.level != "none" or case.file.contract.provenance.qat:  # weights of QAT are rounded already
        return None
    after = case.after_snr_db(level="fast", per_channel=per_channel)
    if after - case.before_snr_db < _WORTH_DB:
        return None
    worst = max(case.layers, key=lambda layer: layer.share_percent)
    return Finding(
        "rounding",
        "The weights were rounded to nearest, which shifts the layers' outputs.",
        f"{worst.layer} ({worst.operator}) causes {worst.share_percent:.0f} % of the total noise.",
        "Round weights by output error and correct the biases: edgecnn quantize ... --improve fast (or best)",
        worst.layer,
        case.before_snr_db,
        after,
    )

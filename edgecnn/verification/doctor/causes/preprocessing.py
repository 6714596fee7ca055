"""The artifact's contract says other images than the float model's."""

from __future__ import annotations

import dataclasses

from edgecnn.verification.doctor.case import Case, Finding


def examine(case: Case) -> Finding | None:
    """Compare both contracts; nothing can be said of a float model without one."""
    ours = dataclasses.asdict(case.source.contract.preprocessing)
    its = dataclasses.asdict(case.file.contract.preprocessing)
    different = [
        f"{name} is {its[name]}, the float model's is {ours[name]}" for name in ours if ours[name] != its[name]
    ]
    if not different:
        return None
    return Finding(
        "preprocessing",
        "The artifact is fed other images than the float model was trained on.",
        "; ".join(different) + ".",
        "Quantize again from the .keras file, whose contract travels along, without --mean and --std of your own.",
        before_snr_db=case.before_snr_db,
        after_snr_db=case.after_snr_db(level="fast"),
    )

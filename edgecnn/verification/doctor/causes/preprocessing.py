"""The artifact's preprocessing differs from the float model's, or from that of the float model's training."""

from __future__ import annotations

import dataclasses

from edgecnn.core.errors import EdgecnnError
from edgecnn.runtime.model.model_file import outputs_of
from edgecnn.tasks import task_of
from edgecnn.verification.doctor.case import Case, Finding
from edgecnn.verification.input_check import better_input
from edgecnn.verification.reference import reference_of


def examine(case: Case) -> Finding | None:
    """Compare both contracts, then check the contract by the float model's accuracy."""
    ours = dataclasses.asdict(case.source.contract.preprocessing)
    its = dataclasses.asdict(case.file.contract.preprocessing)
    different = [
        f"{name} is {its[name]} in the artifact, but {ours[name]} in the float model"
        for name in ours
        if ours[name] != its[name]
    ]
    if not different:
        return _by_accuracy(case)
    return Finding(
        "preprocessing",
        "The preprocessing of the artifact differs from that of the float model.",
        "; ".join(different) + ".",
        ("Quantize again from the .keras file, whose contract has the right preprocessing, without --mean and --std."),
        before_snr_db=case.before_snr_db,
        after_snr_db=case.after_snr_db(level="fast"),
    )


def _by_accuracy(case: Case) -> Finding | None:
    """What labels tell: see `edgecnn.verification.input_check`."""
    contract = case.file.contract
    if case.data is None:
        return None
    try:
        truth_of = task_of(contract).truth_of(case.data, contract, outputs_of(case.file.model))
    except EdgecnnError:  # labels of another model: nothing can be told
        return None
    found = better_input(reference_of(case.source), contract, case.data, truth_of)
    if found is None:
        return None
    return Finding(
        "preprocessing",
        "The preprocessing of the float model differs from that in training; the artifact has the same wrong "
        "preprocessing.",
        found.sentence(),
        f"edgecnn quantize FLOAT -o {case.file.name} {found.options}",
        before_snr_db=case.before_snr_db,
    )

"""What is said besides a verification's figures."""

from __future__ import annotations

import pytest

from edgecnn.core.statistics import share
from edgecnn.tasks import load
from edgecnn.verification.remarks import remarks


@pytest.mark.parametrize(
    ("task", "agreeing", "snr_db", "said"),
    [
        ("classification", None, 20.0, []),
        ("classification", None, 2.3, ["(2.3 dB). Is this the float model that the artifact was made from?"]),
        ("detection", share(9, 10), 20.0, []),
        ("detection", None, 20.0, ["No box of either model has a score of 0.5: their agreement says nothing."]),
    ],
)
def test_what_agreement_hides(task: str, agreeing: object, snr_db: float, said: list[str]) -> None:
    found = remarks(load(task), agreeing, snr_db, None)
    assert len(found) == len(said) and all(each.endswith(end) for each, end in zip(found, said))

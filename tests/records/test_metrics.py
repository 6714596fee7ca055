"""Figures of merit are attributes by the names that the JSON has."""

import pytest

from edgecnn.core.statistics import share
from edgecnn.runtime.model.records import Accuracy, Metric


def test_metrics_are_attributes():
    found = Accuracy(metrics={"top1": Metric(share(9, 10), share(8, 10))})
    assert (found.float_top1, found.top1) == (share(9, 10), share(8, 10))
    assert {"float_top1", "top1"} <= set(found.to_dict())
    with pytest.raises(AttributeError, match="no attribute 'top5'; it has top1"):
        _ = found.top5

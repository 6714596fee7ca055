"""The threshold of a false-alarm rate: right on average for any distribution, refused where nothing can be said."""

from __future__ import annotations

import numpy as np
import pytest

from edgecnn.core.errors import UsageError
from edgecnn.open_set.threshold import check_count, exceeded, images_needed


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.2])
@pytest.mark.parametrize("count", [250, 1000])
def test_the_rate_of_fresh_values_is_the_asked_one(rate: float, count: int) -> None:
    random, rates = np.random.default_rng(0), []
    for _ in range(400):
        threshold, above = exceeded(random.normal(size=count), rate, "images")
        assert threshold is not None and abs(above - rate * count) <= 1
        rates.append((random.normal(size=4000) >= threshold).mean())
    assert np.mean(rates) == pytest.approx(rate, abs=3 * np.std(rates) / np.sqrt(len(rates)) + 0.5 / count)


def test_the_threshold_lies_between_two_values() -> None:
    values = np.arange(100.0)
    threshold, above = exceeded(values, 0.05, "images")
    assert (threshold, above) == (94.5, 5) and (values >= threshold).sum() == 5


def test_equal_values_are_not_parted() -> None:
    values = np.concatenate([np.full(6, 9.0), np.arange(94.0) / 100])
    threshold, above = exceeded(values, 0.05, "images")
    assert above == 6 and (values >= threshold).sum() == 6
    with pytest.raises(UsageError, match=r"100 images have the same score: .* 5 % is 20.0 %. Choose another --score"):
        exceeded(np.concatenate([np.ones(20), np.zeros(80)]), 0.05, "images")
    with pytest.raises(UsageError, match="0 or 100 %"):
        exceeded(np.ones(100), 0.05, "images")


def test_what_no_threshold_lets_through_counts_as_rejected() -> None:
    values = np.concatenate([np.full(90, -np.inf), np.arange(10.0)])
    assert exceeded(values, 0.05, "images") == (4.5, 5)
    assert exceeded(values, 0.2, "images") == (None, 10)
    threshold, above = exceeded(values, 0.1, "images")
    assert above == 10 and threshold is not None and (values >= threshold).sum() == 10


@pytest.mark.parametrize(("rate", "needed"), [(0.05, 100), (0.01, 500), (0.5, 10), (0.07, 72)])
def test_too_few_images_are_refused_with_the_number_needed(rate: float, needed: int) -> None:
    assert images_needed(rate) == needed
    check_count(needed, rate, "images")
    with pytest.raises(UsageError, match=f"expected at least {needed}"):
        check_count(needed - 1, rate, "images")


def test_the_rate_that_is_possible_is_named() -> None:
    with pytest.raises(UsageError, match="--false-alarm-rate to at least 21"):
        check_count(24, 0.05, "images")

"""When a figure can be trusted: verdicts on samples whose truth is known."""

from __future__ import annotations

import dataclasses
import statistics

import numpy as np
import pytest

from edgecnn.profiling import compare, noise
from edgecnn.runtime.measure.latency import Measurement
from edgecnn.runtime.measure.samples import summary

CALM = {"load_1min": 0.1, "steal_s": 1.0, "throttled_now": []}
SYSTEM = {"cores": 4, "cores_usable": 4, "governor": "performance"}


def measured(samples, **changes) -> Measurement:
    """A measurement with those samples on a calm machine."""
    samples = [float(value) for value in samples]
    made = Measurement(
        delegate="cpu", threads=1, warmup_runs=10, runs=len(samples), read_ms=1.0, init_ms=1.0, warm_start_ms=1.0,
        latency_ms={"first": 1.0, **summary(samples)}, samples_ms=samples, throughput_fps=1.0, peak_rss_bytes=1,
        model_rss_bytes=1, cpu_share=1.0, preemptions=0, before=CALM, after=CALM,
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


@pytest.fixture
def steady():
    return 10 + np.random.default_rng(0).normal(0, 0.1, 100)


def test_steady_runs_are_trusted(steady):
    verdict = noise.judge(measured(steady), SYSTEM)
    assert not verdict.too_noisy and verdict.reasons == () and verdict.causes == ()


def test_a_few_outliers_are_no_noise(steady):
    steady[[3, 50, 77]] = 40
    assert not noise.judge(measured(steady), SYSTEM).too_noisy


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda samples: samples * np.linspace(1, 1.3, len(samples)), "slower than the first"),
        (lambda samples: samples * np.linspace(1.3, 1, len(samples)), "faster than the first"),
        (lambda samples: samples * np.tile([1, 1.6], len(samples) // 2), "of the median"),
        (lambda samples: [8, 9, 10, 13, 16], "increase --runs"),
    ],
)
def test_noise_is_seen_and_named(steady, change, words):
    verdict = noise.judge(measured(change(steady)), SYSTEM)
    assert verdict.too_noisy
    assert any(words in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("changes", "system", "words"),
    [
        ({"before": {**CALM, "load_1min": 3.0}}, {}, "the load is 3.0 on 4 cores"),
        ({"preemptions": 500}, {}, "500 times"),
        ({"threads": 8}, {}, "8 threads share 4 processors"),
        ({"after": {**CALM, "steal_s": 3.0}}, {}, "hypervisor"),
        ({"after": {**CALM, "throttled_now": ["under-voltage"]}}, {}, "under-voltage"),
        ({}, {"governor": "ondemand"}, "governor is 'ondemand'"),
        ({}, {}, "No cause was found"),
    ],
)
def test_causes(steady, changes, system, words):
    noisy = measured(steady * np.tile([1, 1.6], 50), **changes)
    assert any(words in cause for cause in noise.judge(noisy, {**SYSTEM, **system}).causes)


def test_interval_covers_the_true_median_19_times_of_20():
    """Skewed samples, as latencies are; the true median of the exponential distribution is ln 2."""
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(2000):
        low, high = noise.median_interval(random.exponential(size=40))
        covered += low <= np.log(2) <= high
    assert 0.94 <= covered / 2000 <= 0.985  # ranks are whole numbers, so a little above 0.95


def test_no_difference_is_claimed_where_there_is_none():
    """Equal models on a machine whose speed wanders: wrong claims stay near one in twenty."""
    random = np.random.default_rng(2)
    claims = 0
    for _ in range(1000):
        speed = 10 * np.exp(np.cumsum(random.normal(0, 0.05, 20)))  # both blocks of a round share it
        rounds = list(zip(speed * random.gamma(400, 1 / 400, 20), speed * random.gamma(400, 1 / 400, 20)))
        low, high = compare.ratio_of(rounds)[1]
        claims += not low <= 1 <= high
    assert claims / 1000 <= 0.06


def test_a_difference_of_five_percent_is_found_on_a_wandering_machine():
    random = np.random.default_rng(3)
    speed = 10 * np.exp(np.cumsum(random.normal(0, 0.05, 20)))
    rounds = list(zip(1.05 * speed * random.gamma(4000, 1 / 4000, 20), speed * random.gamma(4000, 1 / 4000, 20)))
    ratio, (low, high) = compare.ratio_of(rounds)
    assert low > 1 and low <= ratio <= high
    assert ratio == pytest.approx(statistics.median(a / b for a, b in rounds))

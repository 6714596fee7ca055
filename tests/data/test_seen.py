"""Training images are recognized by short digests that a contract can carry."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from edgecnn.core.errors import RecordError
from edgecnn.data.seen import MOST, Seen
from edgecnn.runtime.model.provenance import Provenance, TrainingImages


def digests(start: int, count: int) -> list[str]:
    return [hashlib.sha256(str(number).encode()).hexdigest() for number in range(start, start + count)]


def carried(seen: Seen) -> Seen:
    """As a contract carries it, by way of JSON."""
    values = json.loads(json.dumps(Provenance(trained_on=seen.record()).to_dict()))
    return Seen.read(Provenance.from_dict(values))


def test_all_images_of_a_small_set_are_recognized() -> None:
    seen = carried(Seen().with_images(digests(0, 1000)))
    assert seen.images == 1000 and not seen.is_sample
    assert all(digest in seen for digest in digests(0, 1000))
    assert not any(digest in seen for digest in digests(1000, 1000))
    assert all(seen.can_check(digest) for digest in digests(1000, 100))
    assert len(json.dumps(seen.record().to_dict())) < 7 * 1000


def test_of_a_large_set_a_sample_is_kept() -> None:
    trained, others = digests(0, 60_000), digests(60_000, 6000)
    seen = carried(Seen().with_images(trained))
    assert seen.images == 60_000 and len(seen.prefixes) == MOST and seen.is_sample
    checkable = [digest for digest in others if seen.can_check(digest)]
    assert 0.25 < len(checkable) / len(others) < 0.42 and not any(digest in seen for digest in others)
    assert sum(digest in seen for digest in trained) == sum(map(seen.can_check, trained)) == MOST
    assert len(json.dumps(seen.record().to_dict())) < 135_000


def test_images_of_several_trainings_are_kept() -> None:
    seen = Seen().with_images(digests(0, 10)).with_images(digests(5, 10))
    assert seen.images == 15 and digests(0, 1)[0] in seen and digests(14, 1)[0] in seen


@pytest.mark.parametrize("entry", [7, "x", [], {}, {"images": "many"}, {"images": -1}, {"images": 1, "digests": "%%"}])
def test_what_a_stranger_writes_there_is_refused(entry: Any) -> None:
    with pytest.raises(RecordError):
        Provenance.from_dict({"trained_on": entry})


def test_digests_that_are_cut_are_no_images() -> None:
    assert not Seen.read(Provenance(trained_on=TrainingImages(1, "AAA="))).can_check(digests(0, 1)[0])
    assert not Seen.read(Provenance(trained_on=TrainingImages(1, "A"))).prefixes
    assert not Seen.read(Provenance()).can_check(digests(0, 1)[0])

"""Which images a model was trained on: short digests in its contract, so that accuracy on them is noticed.

Five bytes of each SHA-256 are kept: of 10,000 new images against 20,000 digests one is mistaken for a training image in
5,000 evaluations. Of more than 20,000 images the smallest digests are kept, which are a random sample, and only images
whose digests are as small can be checked.
"""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Iterable
from dataclasses import dataclass

from edgecnn.runtime.model.provenance import Provenance, TrainingImages

PREFIX_BYTES = 5
MOST = 20_000
"""133 kB of a contract."""


@dataclass(frozen=True)
class Seen:
    """Training images.

    Attributes:
        images: how many there were.
        prefixes: the first bytes of their digests; of more than `MOST` the smallest ones.
    """

    images: int = 0
    prefixes: frozenset[bytes] = frozenset()

    @classmethod
    def read(cls, provenance: Provenance) -> Seen:
        """From a contract's provenance; none where it says nothing that can be understood."""
        entry = provenance.trained_on
        if entry is None:
            return cls()
        try:
            packed = base64.b64decode(entry.digests, validate=True)
        except binascii.Error:
            return cls()
        places = range(0, len(packed) - PREFIX_BYTES + 1, PREFIX_BYTES)
        return cls(entry.images, frozenset(packed[place : place + PREFIX_BYTES] for place in places))

    def with_images(self, digests: Iterable[str]) -> Seen:
        """And these, by their hexadecimal SHA-256."""
        added = {bytes.fromhex(digest[: 2 * PREFIX_BYTES]) for digest in digests}
        both = self.prefixes | added
        images = max(len(both), self.images, len(added)) if self.is_sample else len(both)
        return Seen(images, frozenset(sorted(both)[:MOST]))

    @property
    def is_sample(self) -> bool:
        """Whether only some of the images can be recognized."""
        return self.images > len(self.prefixes)

    @functools.cached_property
    def _largest(self) -> bytes:
        return max(self.prefixes, default=b"") if self.is_sample else b"\xff" * PREFIX_BYTES

    def can_check(self, digest: str) -> bool:
        """Whether it would be known if the image of this SHA-256 were among them."""
        return bool(self.prefixes) and _prefix(digest) <= self._largest

    def __contains__(self, digest: object) -> bool:
        return _prefix(str(digest)) in self.prefixes

    def record(self) -> TrainingImages:
        """What stands in the contract's provenance."""
        return TrainingImages(self.images, base64.b64encode(b"".join(sorted(self.prefixes))).decode())


def _prefix(digest: str) -> bytes:
    return bytes.fromhex(digest[: 2 * PREFIX_BYTES])

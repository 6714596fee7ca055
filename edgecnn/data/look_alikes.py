"""Images of two sets that look the same, found in bounded memory among millions.

Hashes that differ in at most 3 of 64 bits agree in at least one of four bands of 16 bits (multi-index hashing,
arXiv:1307.2982): only pairs that agree in a band are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edgecnn.data.survey import Look, Survey

NEAR_BITS = 3
NEAR_LEVELS = 4.0
_BANDS, _BAND_BITS = 4, 16
_MOST_COMPARED = 2_000_000_000
_AT_ONCE = 1 << 18
_THUMBNAILS_AT_ONCE = 1 << 14


def look_alikes(first: Survey, second: Survey) -> list[tuple[int, int]] | None:
    """Rows of pairs whose difference hashes differ in at most 3 of 64 bits and whose 16 x 16 thumbnails differ by
    less than 4 of 255 levels on average; None where far too many hashes are alike to compare them.
    """
    bands = [_Band(first.hashes, second.hashes, number) for number in range(_BANDS)]
    if sum(int(band.counts.sum()) for band in bands) > _MOST_COMPARED:
        return None
    near = {pair for band in bands for pair in _near(first, second, band)}
    return sorted(near, key=lambda pair: pair[::-1])


def alike(look: Look, others: Sequence[Look]) -> list[int]:
    """Places of those that look the same as one image, by the same rule."""
    hashes = np.fromiter((other.hash for other in others), np.uint64, len(others))
    near = np.flatnonzero(_bits(hashes ^ np.uint64(look.hash)) <= NEAR_BITS).tolist()
    thumbnail = look.thumbnail.astype(np.int16)
    return [place for place in near if np.abs(thumbnail - others[place].thumbnail).mean() < NEAR_LEVELS]


def _near(first: Survey, second: Survey, band: _Band) -> Iterator[tuple[int, int]]:
    for rows, others in band.pairs():
        close = _bits(first.hashes[rows] ^ second.hashes[others]) <= NEAR_BITS
        rows, others = rows[close], others[close]
        for start in range(0, len(rows), _THUMBNAILS_AT_ONCE):
            some, of_second = rows[start : start + _THUMBNAILS_AT_ONCE], others[start : start + _THUMBNAILS_AT_ONCE]
            difference = np.abs(first.thumbnails_of(some).astype(np.int16) - second.thumbnails_of(of_second))
            for place in np.flatnonzero(difference.mean(axis=(1, 2)) < NEAR_LEVELS):
                pair = int(some[place]), int(of_second[place])
                if pair[0] not in first.errors and pair[1] not in second.errors:
                    yield pair


class _Band:
    """Pairs of hashes that agree in some of their bits."""

    def __init__(self, first: np.ndarray, second: np.ndarray, number: int) -> None:
        keys, wanted = (_part(hashes, number) for hashes in (first, second))
        self._order = np.argsort(keys, kind="stable")
        ordered = keys[self._order]
        self._begins = np.searchsorted(ordered, wanted, "left")
        self.counts = np.searchsorted(ordered, wanted, "right") - self._begins

    def pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows of the first and of the second, some at a time."""
        totals, start = np.cumsum(self.counts), 0
        while start < len(totals):
            before = totals[start - 1] if start else 0
            end = max(start + 1, int(np.searchsorted(totals, before + _AT_ONCE, "right")))
            counts = self.counts[start:end]
            firsts = np.repeat(self._begins[start:end] - np.cumsum(counts) + counts, counts)
            yield self._order[firsts + np.arange(len(firsts))], np.repeat(np.arange(start, end), counts)
            start = end


def _part(hashes: np.ndarray, number: int) -> np.ndarray:
    return ((hashes >> np.uint64(number * _BAND_BITS)) & np.uint64((1 << _BAND_BITS) - 1)).astype(np.uint16)


def _bits(values: np.ndarray) -> np.ndarray:
    """How many bits of each uint64 are set (Hacker's Delight, figure 5-2; NumPy before 2.0 has no bitwise_count)."""
    if hasattr(np, "bitwise_count"):
        counts: np.ndarray = np.bitwise_count(values)
        return counts
    values = values - ((values >> 1) & 0x5555555555555555)
    values = (values & 0x3333333333333333) + ((values >> 2) & 0x3333333333333333)
    values = (values + (values >> 4)) & 0x0F0F0F0F0F0F0F0F
    return (values * np.uint64(0x0101010101010101)) >> np.uint64(56)

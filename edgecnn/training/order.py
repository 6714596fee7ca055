"""In which order images are trained on: a pure function of seed and epoch.

Shards are read from begin to end, several at a time, and not at random places all over them. The sequence of shards is
random; it is cut into equal lanes, and every batch takes its next images from all of them. A worker's part of each
batch is made of whole lanes, so that it reads its share of the shards only, and the order is the same on any number of
workers.
"""

from __future__ import annotations

import numpy as np

_ORDER = 0  # what random numbers are for
_MOST_LANES = 16


def random_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """Any image may come next; int64 (count,)."""
    return np.random.default_rng((seed, _ORDER, epoch)).permutation(count)


def shard_order(groups: np.ndarray, size: int, buffer: int, seed: int, epoch: int) -> np.ndarray:
    """Positions of images, int64, of which each `size` that follow each other are a batch; a rest is left out.

    Args:
        groups: int (count,), the shard that each image is in; images of one shard follow each other.
        size: of a batch.
        buffer: how many images away from its place in the sequence of shards an image may come at most, over all lanes.
        seed: of the fit.
        epoch: its number.
    """
    random = np.random.default_rng((seed, _ORDER, epoch))
    begins = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
    ends = np.append(begins[1:], len(groups))
    shuffled = random.permutation(len(begins))
    sequence = np.concatenate([np.arange(begins[number], ends[number]) for number in shuffled])
    batches = len(groups) // size
    lanes = max(lane for lane in range(1, min(size, _MOST_LANES) + 1) if size % lane == 0)
    table = sequence[: batches * size].reshape(lanes, -1)
    # As a buffer does from which images are drawn: each may come later, by a random number of places.
    places = np.arange(table.shape[1]) + random.uniform(0, max(1, buffer // lanes), table.shape)
    table = np.take_along_axis(table, np.argsort(places, axis=1), axis=1)
    return np.asarray(table.reshape(lanes, batches, -1).transpose(1, 0, 2).reshape(-1))

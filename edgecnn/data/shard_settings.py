"""How shards are made."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.options import Settings, option

WEBDATASET, TFRECORD = "webdataset", "tfrecord"
FORMATS = (WEBDATASET, TFRECORD)


@dataclass(frozen=True)
class ShardSettings(Settings):
    """See `edgecnn.data.shard_writing.write_shards`."""

    TITLE = "Shards"

    format: str = option(
        "Format of the shards; tfrecord needs TensorFlow.", WEBDATASET, choices=FORMATS, metavar="FORMAT"
    )
    size_mb: float = option("Size of a shard, in MB.", 100.0, low=0.001, high=100_000, metavar="MB")
    seed: int = option("Seed for the order of the images.", 0, low=0, high=2**31 - 1, metavar="N")

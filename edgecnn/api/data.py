"""What data sets hold: what `edgecnn data` does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.api.notebook import progress_or
from edgecnn.core.progress import Progress

if TYPE_CHECKING:
    from edgecnn.data.report import DataReport
    from edgecnn.data.shard_writing import WrittenShards


def examine_data(
    data: str | Path,
    *,
    validation: str | None = None,
    test: str | None = None,
    validation_share: float = 0.1,
    ray: str | None = None,
    progress: Progress | None = None,
) -> DataReport:
    """What is in a data set: counts, images that can't be read, duplicates, imbalance; in the splits of `train`.

    Args:
        data: `DATA`: a folder per class, shards, a manifest or a named data set.
        validation: other data to validate on.
        test: other data to test on.
        validation_share: of the images that validate, if there is no other data for that.
        ray: address of a Ray cluster whose machines look, or "auto"; None for processes of this one.
        progress: called with (stage, done, total).

    Raises:
        DataError: there is no such data, or it holds no images.
        MissingExtraError: Ray is not installed.
        EdgecnnError: the cluster can't be reached.
    """
    from edgecnn.data.examination import examine_data as stage
    from edgecnn.data.settings import SplitSettings

    settings = SplitSettings(str(data), validation, test, validation_share)
    return stage(settings, progress_or(progress), ray=ray)


def make_shards(
    data: str | Path,
    folder: str | Path,
    *,
    format: str = "webdataset",
    size_mb: float = 100.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> WrittenShards:
    """Write a data set as shards, from which training streams images.

    Args:
        data: `DATA` with classes, or without labels.
        folder: to be made; it may exist if it is empty.
        format: "webdataset" or "tfrecord".
        size_mb: size of a shard, in MB.
        seed: for the order of the images.
        progress: called with (stage, done, total).

    Raises:
        UsageError: the folder holds something, or the data has boxes.
        DataError: there is no such data, or an image can't be read.
    """
    from edgecnn.data import open_data
    from edgecnn.data.shard_settings import ShardSettings
    from edgecnn.data.shard_writing import write_shards

    return write_shards(open_data(str(data)), folder, ShardSettings(format, size_mb, seed), progress_or(progress))


def draw_boxes(data: str | Path, folder: str | Path, *, most: int = 24) -> tuple[str, ...]:
    """Write copies of some images, PNG, with each annotated box drawn in; crowds and difficult objects are gray.

    Args:
        data: `DATA` with boxes.
        folder: for the copies; is made where it doesn't exist.
        most: how many images.

    Returns:
        Paths of the files.

    Raises:
        UsageError: the data has no boxes, or the folder is inside of it.
        DataError: there is no such data.
        PictureError: a file can't be written.
    """
    from edgecnn.data.box_pictures import draw_boxes as stage

    return stage(str(data), folder, most)

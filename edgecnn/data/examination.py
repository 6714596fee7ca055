"""The data report by itself, before there is a model."""

from __future__ import annotations

from edgecnn.core.progress import Progress, silent
from edgecnn.data import open_data
from edgecnn.data.fitted import survey_of
from edgecnn.data.report import DataReport, Part, examine
from edgecnn.data.settings import SplitSettings
from edgecnn.data.split import open_splits
from edgecnn.parallel.opening import opened
from edgecnn.parallel.workers import helped_by


def examine_data(settings: SplitSettings, progress: Progress = silent, *, ray: str | None = None) -> DataReport:
    """Look at every image once, by several processes, in the splits that training would make.

    Images without classes, or all of one class, are one split, "train".

    Args:
        settings: the data; how its images are kept does not matter.
        progress: told how many images are done.
        ray: address of a Ray cluster whose machines look, or "auto"; None for processes of this one.

    Raises:
        DataError: there is no such data, or a decoder crashed.
        MissingExtraError: Ray is not installed.
        EdgecnnError: the cluster can't be reached, or lost a worker several times.
    """
    if ray is None:
        return _examined(settings, progress)
    with opened(ray) as executor, helped_by(executor):
        return _examined(settings, progress)


def _examined(settings: SplitSettings, progress: Progress) -> DataReport:
    data = open_data(settings.data)
    if data.task or len(data.classes) > 1:
        splits = open_splits(
            settings.data, validation=settings.validation, test=settings.test, share=settings.validation_share,
            may_be_empty=True, progress=progress,
        ).named()  # fmt: skip
    else:
        splits = {"train": data}
    parts = {}
    for name, split in splits.items():
        if not len(split) and name != "train":
            continue
        digests = split.digests(progress)
        parts[name] = Part(split, digests, survey_of(split, digests, progress))
    return examine(parts)

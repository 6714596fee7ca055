"""What each channel likes best: the patches of a data set that make it answer most, cut out by the receptive field."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edgecnn.core.errors import PictureError
from edgecnn.core.progress import Progress, silent
from edgecnn.data import DataSet, Example, readable
from edgecnn.graph.layer_kinds import named
from edgecnn.html import images
from edgecnn.inspection.analysis import LayerReport
from edgecnn.inspection.view import field_size
from edgecnn.visualization.features import strongest
from edgecnn.visualization.panel import Drawing, Panel
from edgecnn.visualization.subject import Subject

_TILE = 84
PER_CHANNEL = 8


@dataclass(order=True)
class Hit:
    """One place of one image where a channel answers; ordered by the answer."""

    answer: float
    number: int
    name: str = field(compare=False)
    patch: np.ndarray = field(compare=False)


def panel(
    subject: Subject,
    fitted: np.ndarray,
    data: DataSet,
    row: LayerReport,
    channels: int = 8,
    progress: Progress = silent,
) -> Panel:
    """A row of patches for each of the channels that answer most to the user's own image."""
    chosen = strongest(subject.maps(fitted, [row])[0])[:channels]
    row = before_activation(subject, row)
    found = best_patches(subject, data, row, chosen.tolist(), progress)
    drawings = []
    for channel in chosen.tolist():
        hits = sorted(found[channel], reverse=True)
        if not hits:
            continue
        tiles = [_tile(hit.patch) for hit in hits]
        names = ", ".join(dict.fromkeys(hit.name.rpartition("/")[2] for hit in hits))
        caption = f"channel {channel}: activations {hits[0].answer:.2f} to {hits[-1].answer:.2f}"
        drawings.append(Drawing(f"patches_{channel}", images.sheet(tiles, PER_CHANNEL), caption, names))
    note = (
        f"The channels of {row.layer.name} with the highest activation on your image, and for each channel the "
        f"{PER_CHANNEL} patches among {len(data)} images of {data.name} that activate it most, one per image "
        f"(Zeiler and Fergus 2014). Each patch is the receptive field of the unit, {field_size(row.reach)} pixels "
        "wide; at the edge of the image it is cut off."
    )
    values = {str(channel): [hit.name for hit in sorted(hits, reverse=True)] for channel, hits in found.items()}
    return Panel("patches", "Patches that activate a channel most", drawings, note, values=values, width="100%")


def before_activation(subject: Subject, row: LayerReport) -> LayerReport:
    """The layer under an activation that has a layer of its own: answers that ReLU6 cuts off at 6 can't be ranked."""
    while named(row.layer.op).is_activation:
        source = row.layer.inputs[0]
        row = next(other for other in subject.report.layers if source in other.layer.outputs)
    return row


def best_patches(
    subject: Subject, data: DataSet, row: LayerReport, channels: Sequence[int], progress: Progress = silent
) -> dict[int, list[Hit]]:
    """For each channel its strongest answers over a data set, at most one per image and `PER_CHANNEL` in all."""
    best: dict[int, list[Hit]] = {channel: [] for channel in channels}
    unreadable: list[str] = []

    def skipped(example: Example, error: PictureError) -> None:
        unreadable.append(example.name)

    for number, (example, picture) in enumerate(readable(data, skipped)):
        progress("Searching for patches", number, len(data))
        fitted = subject.fitted(picture)
        maps = subject.maps(fitted, [row])[0]
        for channel in channels:
            unit = np.unravel_index(int(maps[:, :, channel].argmax()), maps.shape[:2])
            answer = float(maps[unit[0], unit[1], channel])
            if len(best[channel]) < PER_CHANNEL or answer > best[channel][0].answer:
                patch = subject.shown(cut_out(fitted, row, (int(unit[0]), int(unit[1]))))
                push = heapq.heappush if len(best[channel]) < PER_CHANNEL else heapq.heapreplace
                push(best[channel], Hit(answer, number, example.name, patch))
    return best


def cut_out(fitted: np.ndarray, row: LayerReport, unit: tuple[int, int]) -> np.ndarray:
    """The part of a fitted image that one unit sees; all of it where the receptive field is not known."""
    if row.reach is None:
        return fitted
    (rows, columns), (i, j) = row.reach.axes, unit
    return fitted[int(rows.first[i]) : int(rows.last[i]) + 1, int(columns.first[j]) : int(columns.last[j]) + 1]


def _tile(patch: np.ndarray) -> np.ndarray:
    """A patch in a square of the neutral gray, enlarged or shrunk to fit."""
    scale = _TILE / max(patch.shape[:2])
    height, width = (max(1, round(side * scale)) for side in patch.shape[:2])
    tile = np.full((_TILE, _TILE, 3), 128, np.uint8)
    top, left = (_TILE - height) // 2, (_TILE - width) // 2
    tile[top : top + height, left : left + width] = images.scaled(patch, height, width, smooth=scale < 1)
    return tile

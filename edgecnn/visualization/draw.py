"""From a model, an image and a request to panels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgecnn.core.errors import UsageError
from edgecnn.core.progress import Progress, silent
from edgecnn.inspection.analysis import LayerReport
from edgecnn.inspection.effective import stage_ends
from edgecnn.visualization import features, filters, heat, int8, levels, patches, translation
from edgecnn.visualization.class_choice import find_class
from edgecnn.visualization.panel import Panel
from edgecnn.visualization.settings import Request
from edgecnn.visualization.subject import Subject


def draw(subject: Subject, picture: np.ndarray, request: Request, progress: Progress = silent) -> list[Panel]:
    """Draw all panels of a request for one image, uint8 BGR of any size.

    Raises:
        UsageError: a panel can't be had.
    """
    return list(_panels(subject, picture, request, progress))


def _panels(subject: Subject, picture: np.ndarray, request: Request, progress: Progress) -> Iterator[Panel]:
    fitted = subject.fitted(picture)
    chosen = [find_class(subject.contract, subject.classes, text) for text in request.classes]
    classes = chosen or _likeliest(subject, fitted)
    for name in request.panels:
        progress(f"Drawing {name}", 0, 0)
        if name in ("filters", "features"):
            yield _layers(name, subject, fitted, request)
        elif name == "levels" and (subject.task.device.followed or len(request.panels) == 1):
            yield levels.panel(subject, fitted)
        elif name == "gradcam":
            yield heat.grad_cam(subject, fitted, classes)
        elif name == "occlusion":
            yield heat.occlusion(subject, fitted, classes[0])
        elif name == "patches" and request.data:
            yield _patches(subject, fitted, request, progress)
        elif name == "int8" and request.against:
            reference = int8.float_twin(request.against, request.trust)
            yield int8.panel(subject, reference, fitted, request.layers)
        elif name == "translation":
            yield translation.panel(subject, picture, request.shift)


def _likeliest(subject: Subject, fitted: np.ndarray) -> list[int]:
    """The two classes that the model is surest of."""
    scores = subject.probabilities(fitted[np.newaxis])[0]
    return [int(index) for index in np.argsort(-scores, kind="stable")[:2]]


def _layers(name: str, subject: Subject, fitted: np.ndarray, request: Request) -> Panel:
    """Filters or feature maps; a model that has none for them still gets its other panels."""
    try:
        if name == "filters":
            return filters.panel(subject)
        return features.panel(subject, fitted, features.chosen_layers(subject, request.layers))
    except UsageError as error:
        if name == "features" and request.layers:  # asked for by name: not to be passed over
            raise
        return Panel(name, name.capitalize(), missing=str(error))


def _patches(subject: Subject, fitted: np.ndarray, request: Request, progress: Progress) -> Panel:
    from edgecnn.data import open_data

    data = open_data(request.data or "").sample(request.samples)
    row = subject.layer(request.layers[0]) if request.layers else _middle(subject)
    return patches.panel(subject, fitted, data, row, progress=progress)


def _middle(subject: Subject) -> LayerReport:
    """The deepest stage whose units still see less than half of the picture: parts of things, not whole scenes."""
    side = max(subject.contract.preprocessing.height, subject.contract.preprocessing.width)
    ends = stage_ends(subject.report)
    small = [row for row in ends if row.reach and row.reach.axes[0].size <= side / 2 and not row.reach.bypass]
    return (small or ends)[-1]

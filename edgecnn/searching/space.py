"""All candidates of a search."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from edgecnn import weights
from edgecnn.core.errors import PictureError, UsageError
from edgecnn.data import DataSet
from edgecnn.models import catalog
from edgecnn.models.spec import ModelSpec
from edgecnn.recipe.search_settings import SpaceSettings
from edgecnn.searching.candidate import Candidate

MOST_MACS = 1e9
"""Published multiply-accumulates of an architecture that is in the space without being named."""
SIZES = (96, 128, 160, 192, 224)
ENLARGED = 4
"""Times an image's shorter side up to which a larger input helps pretrained weights; beyond it all is interpolated."""
_LOOKED_AT = 32


def candidates(space: SpaceSettings, data: DataSet) -> tuple[Candidate, ...]:
    """Every combination that can be built, in a fixed order.

    Args:
        space: what to combine; what was left open depends on weights and images.
        data: the training images.

    Raises:
        UsageError: nothing is left: the architectures have no weights, or are detectors.
    """
    sizes = space.input_sizes or sensible_sizes(data)
    architectures = space.architectures or tuple(_default_architectures(space.weights))
    found = tuple(
        Candidate(name, width, size, keep, scheme, initial)
        for name in architectures
        for width, initial in _widths(name, space)
        for size, keep, scheme in itertools.product(sizes, space.keeps, space.schemes)
        if size >= catalog.spec(name).smallest
    )
    if not found:
        raise UsageError(
            f"The space is empty: no ImageNet weights of {', '.join(architectures) or 'any architecture'} fit the "
            "widths and input sizes. Use --weights auto to train from random weights, or other --architectures or "
            "--widths."
        )
    return tuple(dict.fromkeys(found))


def _default_architectures(initial: str) -> Iterator[str]:
    for name, spec in catalog.variants().items():
        if spec.macs <= MOST_MACS and (initial == "none" or weights.available(spec, name) != "no"):
            yield name


def _widths(name: str, space: SpaceSettings) -> Iterator[tuple[float, str]]:
    """Widths with the weights to start from."""
    if catalog.backbone(name):
        raise UsageError(f"{name} is an object detector, but only classification is searched. Use its backbone's name.")
    spec = catalog.spec(name)
    known = _pretrained_widths(spec, name, space.weights)
    for width in space.widths or known or (1.0,):
        if width in known:
            yield width, "imagenet"
        elif space.weights != "imagenet":
            yield width, "none"


def _pretrained_widths(spec: ModelSpec, name: str, initial: str) -> tuple[float, ...]:
    """Those with weights that may be downloaded, or for "auto" are installed."""
    known = {"imagenet": ("yes", "download"), "auto": ("yes",), "none": ()}[initial]
    return weights.widths(spec, name) if weights.available(spec, name) in known else ()


def sensible_sizes(data: DataSet) -> tuple[int, ...]:
    """Input sizes for the images of a data set, by the median of their shorter sides; always the smallest one."""
    sides = list(_sides(data.sample(_LOOKED_AT).examples))
    side = float(np.median(sides)) if sides else SIZES[-1]
    return tuple(size for size in SIZES if size == SIZES[0] or size <= ENLARGED * side)


def _sides(examples: Sequence[object]) -> Iterator[int]:
    for example in examples:
        try:
            yield min(example.read().shape[:2])  # type: ignore[attr-defined]
        except PictureError:
            continue

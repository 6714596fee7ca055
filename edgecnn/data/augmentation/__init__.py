"""Augmentation: random changes to training images that leave the class as it is. One preset is one row of data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgecnn.core.errors import UsageError


@dataclass(frozen=True)
class Augmentation:
    """How far a training image may be changed; 0 is not at all.

    Attributes:
        mirror: share of the images that are flipped left to right.
        shift: largest move, as a share of the side, along each axis (a random crop of the reflected image).
        zoom: largest change of scale; 0.2 draws from 0.8 to 1.25.
        rotation_degrees: largest turn.
        brightness: largest change, as a share of the range.
        contrast: largest change of the factor from 1.
        saturation: largest change of the factor from 1.
        mixup: parameter of the Beta distribution of mixup (arXiv:1710.09412).
        cutmix: parameter of the Beta distribution of CutMix (arXiv:1905.04899); with both, each takes half
            of the batches.
        crop: smallest share of the area that a random crop keeps; with boxes it keeps the center of one. 0 for none.
        expand: largest factor of height and width by which a gray margin makes every third image larger, instead of a
            crop (SSD, arXiv:1512.02325, section 3.6); at least 1.
        mosaic: share of the images that are a window on four images side by side (YOLOv4, arXiv:2004.10934, section
            3.3).
        upside_down: share of the images that are flipped top to bottom.
        whole: share of the steps, the last ones, whose images are whole: no crop, margin or mosaic. People label what
            the edge of an image cuts off by rules of their own, or don't; a crop labels all of it, and a detector that
            ends with crops is surer of such objects than the data is.
    """

    mirror: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    rotation_degrees: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    crop: float = 0.0
    expand: float = 1.0
    mosaic: float = 0.0
    upside_down: float = 0.0
    whole: float = 0.0

    def at(self, share: float) -> Augmentation:
        """What is left of it when a share of the steps is done, 0 to 1."""
        return replace(self, crop=0.0, expand=1.0, mosaic=0.0) if share >= 1 - self.whole else self

    @property
    def moves(self) -> bool:
        """Whether it moves pixels."""
        return bool(self.mirror or self.upside_down or self.shift or self.zoom or self.rotation_degrees or self.crop)

    @property
    def recolors(self) -> bool:
        """Whether it changes brightness or color."""
        return bool(self.brightness or self.contrast or self.saturation)

    @property
    def mixes(self) -> bool:
        """Whether it mixes two images and their labels."""
        return bool(self.mixup or self.cutmix)


_OBJECTS = Augmentation(mirror=0.5, brightness=0.12, contrast=0.3, saturation=0.3, crop=0.3, expand=1.6)
# Cells, or fields from the air: no side is up, and many objects are cut by the edges.
_OVERHEAD = replace(_OBJECTS, upside_down=0.5, whole=0.3)
PRESETS = {
    "none": Augmentation(),
    "flip": Augmentation(mirror=0.5),
    "crop": Augmentation(mirror=0.5, shift=0.125),
    "upright": Augmentation(shift=0.08, zoom=0.1, brightness=0.1, contrast=0.1),  # digits, signs, text: no mirror
    "light": Augmentation(mirror=0.5, shift=0.1, zoom=0.1, brightness=0.1, contrast=0.1, saturation=0.1),
    "strong": Augmentation(0.5, 0.15, 0.25, 15.0, brightness=0.2, contrast=0.3, saturation=0.3),
    "objects": _OBJECTS,
    "objects_mosaic": replace(_OBJECTS, mosaic=0.5, whole=0.3),
    "objects_overhead": _OVERHEAD,
    "objects_overhead_mosaic": replace(_OVERHEAD, mosaic=0.5),
    "mixup": Augmentation(mirror=0.5, shift=0.1, zoom=0.1, mixup=0.2),
    "cutmix": Augmentation(mirror=0.5, shift=0.1, zoom=0.1, cutmix=1.0),
    "strong_mix": Augmentation(0.5, 0.15, 0.25, 10.0, 0.2, 0.3, 0.3, mixup=0.2, cutmix=1.0),
}


def preset(name: str) -> Augmentation:
    """A preset by name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in PRESETS:
        raise UsageError(f"Unknown augmentation {name!r}. Choose one of: {', '.join(PRESETS)}.")
    return PRESETS[name]

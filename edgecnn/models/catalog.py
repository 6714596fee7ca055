"""All variants of all families, by name. Importing and asking this costs no TensorFlow."""

from __future__ import annotations

import dataclasses
import difflib
import json
from pathlib import Path

from edgecnn.core.errors import UsageError
from edgecnn.core.options import Key, SettingError
from edgecnn.core.registry import MODEL_FAMILIES
from edgecnn.models import efficientdet
from edgecnn.models.spec import Family, ModelSpec

DETECTOR_SUFFIX = "_ssd"
"""NAME_ssd is an object detector on the backbone NAME, see `edgecnn.models.ssd`."""
DETECTOR_INPUT_SIZE = 320


def _families() -> dict[str, str]:
    """Variant name -> family name."""
    return {name: family for family in MODEL_FAMILIES.names() for name in _family(family).VARIANTS}


def variants() -> dict[str, ModelSpec]:
    """Every variant that can be built, by name."""
    return {name: _family(family).VARIANTS[name] for name, family in _families().items()}


def names() -> list[str]:
    """All that can be built: every variant, a detector on each, and detectors with a name of their own."""
    backbones = list(_families())
    return [*backbones, *(f"{name}{DETECTOR_SUFFIX}" for name in backbones), *efficientdet.VARIANTS]


def backbone(name: str) -> str | None:
    """The variant that a detector is made of; None for a name that is no detector's.

    Raises:
        UsageError: there is no such variant.
    """
    if name in efficientdet.VARIANTS:
        return efficientdet.VARIANTS[name].backbone
    if not name.endswith(DETECTOR_SUFFIX) or name in _families():
        return None
    variant = name[: -len(DETECTOR_SUFFIX)]
    family(variant)
    return variant


def check_classes(name: str, classes: int | None) -> None:
    """Refuse a classifier of one class; a detector tells it from the background.

    Raises:
        SettingError: it is so.
    """
    if classes == 1 and backbone(name) is None:
        raise SettingError(Key("classes"), f" is 1; expected a whole number from 2 for the classifier {name}.")


def family(name: str) -> str:
    """The family (a file of this folder) that a variant belongs to.

    Raises:
        UsageError: there is no variant of that name; the message lists close matches.
    """
    families = _families()
    if name in families:
        return families[name]
    known = [*families, *efficientdet.VARIANTS]
    close = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=4, cutoff=0.5)
    choices = f"Did you mean {' or '.join(close)}? " if close else ""
    raise UsageError(f"There is no model {name!r}. {choices}`edgecnn models` lists all {len(families)}.")


def spec(name: str) -> ModelSpec:
    """One variant's row of data.

    A detector has its backbone's row: the same weights, at the input size of detectors.

    Raises:
        UsageError: as `family`.
    """
    variant = backbone(name)
    if variant:
        own = efficientdet.VARIANTS.get(name)
        size = own.input_size if own else DETECTOR_INPUT_SIZE
        return dataclasses.replace(spec(variant), input_size=size, fit="stretch")
    return _family(family(name)).VARIANTS[name]


def figures() -> dict[str, dict[str, int]]:
    """Measured figures by variant name: parameters, macs, float32_bytes, int8_bytes.

    `tools/figures` writes them; a variant that was added since is missing.
    """
    path = Path(__file__).with_name("figures.json")
    found: dict[str, dict[str, int]] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _family(name: str) -> Family:
    return MODEL_FAMILIES.plugin(name, Family)

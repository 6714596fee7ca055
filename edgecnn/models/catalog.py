"""All variants of all families, by name. Importing and asking this costs no TensorFlow."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

from edgecnn.core.errors import UsageError
from edgecnn.core.registry import MODEL_FAMILIES
from edgecnn.models.spec import Family, ModelSpec


def _families() -> dict[str, str]:
    """Variant name -> family name."""
    return {name: family for family in MODEL_FAMILIES.names() for name in _family(family).VARIANTS}


def variants() -> dict[str, ModelSpec]:
    """Every variant that can be built, by name."""
    return {name: _family(family).VARIANTS[name] for name, family in _families().items()}


def family(name: str) -> str:
    """The family (a file of this folder) that a variant belongs to.

    Raises:
        UsageError: there is no variant of that name; the message lists close matches.
    """
    families = _families()
    if name in families:
        return families[name]
    close = difflib.get_close_matches(name.lower().replace("-", "_"), families, n=4, cutoff=0.5)
    choices = f"Did you mean {' or '.join(close)}? " if close else ""
    raise UsageError(f"There is no model {name!r}. {choices}`edgecnn models` lists all {len(families)}.")


def spec(name: str) -> ModelSpec:
    """One variant's row of data.

    Raises:
        UsageError: as `family`.
    """
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

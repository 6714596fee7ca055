"""Architectures: one file per family with a `VARIANTS` table (data, no TensorFlow) and a `build` function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.models._catalog import figures, spec, variants
from edgecnn.models._spec import Limit, ModelSpec

if TYPE_CHECKING:
    from edgecnn.models._build import build_model

__all__ = ["Limit", "ModelSpec", "build_model", "figures", "spec", "variants"]


def __getattr__(name: str) -> object:
    # Building uses the sources of weights, and they use this package's blocks: break the circle by waiting.
    if name == "build_model":
        from edgecnn.models._build import build_model

        return build_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

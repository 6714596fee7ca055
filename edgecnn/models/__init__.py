"""Architectures: the table of all variants, and the blocks that the families are built of."""

from __future__ import annotations

from edgecnn.models.catalog import figures, spec, variants
from edgecnn.models.spec import Limit, ModelSpec

__all__ = ["Limit", "ModelSpec", "figures", "spec", "variants"]

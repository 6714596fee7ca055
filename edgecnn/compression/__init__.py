"""Keras -> Keras, to be trained further: pruning, clustering, other activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.compression.settings import Tuning
from edgecnn.core.lazy import exports

if TYPE_CHECKING:
    from edgecnn.compression.pipeline import Compressed, compress

__all__ = ["Compressed", "Tuning", "compress"]
__getattr__ = exports(__name__, pipeline="Compressed compress")

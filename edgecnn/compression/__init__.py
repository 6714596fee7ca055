"""Keras -> Keras, to be trained further: pruning, clustering, other activations."""

from __future__ import annotations

from edgecnn.compression.pipeline import Compressed, Tuning, compress

__all__ = ["Compressed", "Tuning", "compress"]

"""The artifact: one `.tflite` file that carries its own contract, and the standard metadata beside it."""

from __future__ import annotations

from edgecnn.artifact.writer import graph_bytes, rewrite, seal, write

__all__ = ["graph_bytes", "rewrite", "seal", "write"]

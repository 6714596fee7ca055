"""Image and text encoders by others (DINOv2, CLIP, ...) from the user's disk: opening, running, and keeping outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.lazy import exports
from edgecnn.encoders.settings import EncoderHints

if TYPE_CHECKING:
    from edgecnn.encoders.image_encoder import ImageEncoder, open_encoder
    from edgecnn.encoders.kept_outputs import Encoded, encoded

__all__ = ["Encoded", "EncoderHints", "ImageEncoder", "encoded", "open_encoder"]
__getattr__ = exports(__name__, image_encoder="ImageEncoder open_encoder", kept_outputs="Encoded encoded")

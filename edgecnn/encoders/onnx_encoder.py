"""An ONNX model as an image encoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import ModelFileError, UsageError
from edgecnn.core.progress import Progress
from edgecnn.encoders.onnx_session import Session, Tensor

_CHANNELS = (1, 3)


def opened(path: Path, said: str | None, progress: Progress) -> tuple[tuple[int, int, int], str, Any, tuple[str, ...]]:
    """Its input's height, width and channels, its layout, the model as a function, and its outputs' names.

    Args:
        path: of the file.
        said: the layout; None to find it out.
        progress: see `Session`.

    Raises:
        ModelFileError: it takes no single image, or ONNX Runtime refuses it.
        UsageError: its layout can't be told.
        MissingExtraError: ONNX Runtime can't be installed.
    """
    session = Session(path, progress)
    tensor = _image(session.inputs, path)
    layout = said or _layout(tensor, path)
    shape = [each if isinstance(each, int) else 0 for each in tensor.shape]
    _, *sizes = shape if layout == "NHWC" else [shape[axis] for axis in (0, 2, 3, 1)]
    if sizes[2] not in (0, *_CHANNELS):
        raise UsageError(f"{path} has an input of shape {list(tensor.shape)}; in {layout} that is no image.")

    def call(images: np.ndarray) -> Sequence[np.ndarray]:
        turned = np.ascontiguousarray(images.transpose(0, 3, 1, 2)) if layout == "NCHW" else images
        return _in_parts(session, turned, shape[0])

    return (sizes[0], sizes[1], sizes[2] or 3), layout, call, tuple(each.name for each in session.outputs)


def _in_parts(session: Session, images: np.ndarray, fixed: int) -> list[np.ndarray]:
    """The outputs for all images; where the model takes so many at once only, the last batch is filled up."""
    if not fixed:
        return session(images)
    parts = []
    for start in range(0, len(images), fixed):
        rows = np.minimum(np.arange(start, start + fixed), len(images) - 1)
        parts.append([values[: len(images) - start] for values in session(images[rows])])
    return [np.concatenate(each) for each in zip(*parts)]


def _image(inputs: Sequence[Tensor], path: Path) -> Tensor:
    if len(inputs) != 1:
        names = ", ".join(each.name for each in inputs) or "none"
        raise ModelFileError(
            f"{path} has {len(inputs)} inputs ({names}); expected one image. Export the image encoder by itself, as "
            "vision_model.onnx of CLIP's exports is."
        )
    if len(inputs[0].shape) != 4 or inputs[0].type not in (np.float32, np.float16, np.uint8):
        shape = list(inputs[0].shape)
        raise ModelFileError(f"{path} has an input of shape {shape}; expected an image in float32, float16 or uint8.")
    return inputs[0]


def _layout(tensor: Tensor, path: Path) -> str:
    """By the axis of 1 or 3 channels, or the name of an open one."""

    def is_channels(axis: int) -> bool:
        size = tensor.shape[axis]
        return size in _CHANNELS or (isinstance(size, str) and "channel" in size.lower())

    found = [layout for layout, axis in (("NCHW", 1), ("NHWC", 3)) if is_channels(axis)]
    if len(found) != 1:
        shown = ", ".join(map(str, tensor.shape))
        raise UsageError(
            f"{path} has an input of shape [{shown}], which does not tell where the channels are. Set it with "
            "--encoder-layout NCHW or NHWC."
        )
    return found[0]

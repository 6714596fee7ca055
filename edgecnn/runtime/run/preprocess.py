"""From an image to the input tensor: fit, normalize, quantize. Written once, for host and device.

Images are uint8 arrays of shape (height, width, 3) in OpenCV's blue-green-red order unless said otherwise.
"""

from __future__ import annotations

import numpy as np

from ..errors import PictureError
from ..model.contract import Preprocessing
from ..model.quantization import quantize
from ..opencv import opencv
from .decode import decode, read_picture

__all__ = ["apply_table", "decode", "fit", "input_table", "read_picture"]


def fit(picture: np.ndarray, preprocessing: Preprocessing, order: str = "bgr") -> np.ndarray:
    """Crop, resize and reorder an image to the input's shape.

    Args:
        picture: uint8 (height, width, 3), or (height, width) in gray.
        preprocessing: the contract's input side.
        order: channel order of `picture`, "bgr" or "rgb".

    Returns:
        uint8 (input height, input width, channels).

    Raises:
        PictureError: the array is no image.
    """
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or 0 in picture.shape:
        raise PictureError(
            f"The image is an array of {picture.dtype} {picture.shape}; expected uint8 (height, width, 3)."
        )
    if picture.ndim == 3 and picture.shape[2] not in (1, 3):
        raise PictureError(f"The image has the shape {picture.shape}; expected 1 or 3 channels.")
    small = _resize(_window(picture, preprocessing), preprocessing)
    return _reorder(small, order, preprocessing)


def _window(picture: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    if preprocessing.fit != "crop":
        return picture
    height, width = picture.shape[:2]
    scale = min(height / preprocessing.height, width / preprocessing.width) * preprocessing.crop
    rows, columns = max(1, round(preprocessing.height * scale)), max(1, round(preprocessing.width * scale))
    top, left = (height - rows) // 2, (width - columns) // 2
    return picture[top : top + rows, left : left + columns]


def _resize(picture: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    cv2 = opencv()
    height, width = preprocessing.height, preprocessing.width
    if preprocessing.fit == "pad":
        scale = min(height / picture.shape[0], width / picture.shape[1])
        rows, columns = max(1, round(picture.shape[0] * scale)), max(1, round(picture.shape[1] * scale))
    else:
        rows, columns = height, width
    small: np.ndarray = picture
    if picture.shape[:2] != (rows, columns):
        small = cv2.resize(
            picture, (columns, rows), interpolation=_interpolation(picture, rows, columns, preprocessing)
        )
    if (rows, columns) == (height, width):
        return small
    top, left = (height - rows) // 2, (width - columns) // 2
    padded: np.ndarray = cv2.copyMakeBorder(
        small, top, height - rows - top, left, width - columns - left, cv2.BORDER_CONSTANT
    )
    return padded


def _interpolation(picture: np.ndarray, rows: int, columns: int, preprocessing: Preprocessing) -> int:
    cv2 = opencv()
    shrinks = picture.shape[0] >= rows and picture.shape[1] >= columns
    methods = {
        "area": cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC,
        "bilinear": cv2.INTER_LINEAR,
        "bicubic": cv2.INTER_CUBIC,
        "nearest": cv2.INTER_NEAREST,
    }
    return int(methods[preprocessing.resize])


def _reorder(picture: np.ndarray, order: str, preprocessing: Preprocessing) -> np.ndarray:
    cv2 = opencv()
    gray = picture.ndim == 2 or picture.shape[2] == 1
    if preprocessing.color == "gray":
        code = cv2.COLOR_RGB2GRAY if order == "rgb" else cv2.COLOR_BGR2GRAY
        result = picture.reshape(*picture.shape[:2]) if gray else cv2.cvtColor(picture, code)
        return np.asarray(result)[:, :, np.newaxis]
    if gray:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR))
    return picture if order == preprocessing.color else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


def input_table(preprocessing: Preprocessing, dtype: np.dtype, scale: float, zero_point: int) -> np.ndarray:
    """The tensor's value for each pixel value: normalization and quantization in one look-up.

    Args:
        preprocessing: the contract's input side.
        dtype: the input tensor's type.
        scale: its quantization scale; 0 for a float tensor.
        zero_point: its zero point.

    Returns:
        Shape (256, channels), of type `dtype`.
    """
    pixels = np.arange(256, dtype=np.float64)[:, np.newaxis]
    channels = (1, preprocessing.channels)
    mean = np.broadcast_to(np.asarray(preprocessing.mean, np.float64), channels)
    std = np.broadcast_to(np.asarray(preprocessing.std, np.float64), channels)
    values = (pixels - mean) / std
    if scale == 0:
        return values.astype(dtype)
    return quantize(values, scale, zero_point, dtype)


def apply_table(picture: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Look every pixel up: uint8 (height, width, channels) -> the tensor (1, height, width, channels).

    Where the table is the identity (a uint8 input that takes the raw image) nothing is computed.
    """
    if table.dtype == np.uint8 and bool((table == np.arange(256, dtype=np.uint8)[:, np.newaxis]).all()):
        return picture[np.newaxis]
    if bool((table == table[:, :1]).all()):
        return table[:, 0][picture][np.newaxis]
    return table[picture, np.arange(table.shape[1])][np.newaxis]

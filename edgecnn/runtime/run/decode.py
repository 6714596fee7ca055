"""From an image file to pixels: upright, 8 bits, transparency over white; in bounded memory. For host and device.

Images are uint8 arrays of shape (height, width, 3) in OpenCV's blue-green-red order.
"""

from __future__ import annotations

import io
import os
import threading
import warnings
from pathlib import Path

import numpy as np

from ..errors import PictureError
from ..opencv import opencv
from ..portable import files
from ..regular_file import read_regular
from . import image_header
from .image_header import (
    AVIF,
    HEIC,
    HEIF_INSTALL,
    JPEG,
    LIMIT_VARIABLE,
    PNG,
    TIFF,
    ImageHeader,
    limit_bytes,
    read_header,
)

_EXPECTED = "JPEG, PNG, WebP, GIF, BMP, TIFF, PNM, JPEG 2000, HEIC or AVIF"
_ROWS_AT_ONCE = 256


def read_picture(path: str | Path) -> np.ndarray:
    """Decode an image file, upright (EXIF orientation applied), 8 bits, transparency over white.

    Returns:
        uint8 (height, width, 3), blue-green-red.

    Raises:
        PictureError: it is missing, no regular file, no image, damaged, or takes more memory than `limit_bytes`.
    """
    try:
        data = read_regular(path, limit_bytes())
    except OSError as error:
        raise PictureError(f"Can't read the image {path}: {error.strerror}. Check its name and permissions.") from error
    return decode(data, str(path))


def decode(data: bytes, name: str = "the image") -> np.ndarray:
    """The same for a file that is in memory already."""
    header = checked_header(data, name)
    if header.kind == HEIC or (header.kind == AVIF and header.orientation != 1):  # OpenCV doesn't turn AVIF upright
        return _by_pillow(data, name, header.kind)
    if header.kind == JPEG and not image_header.is_whole_jpeg(data) and not image_header.is_progressive_jpeg(data):
        data += b"\xff\xd9"  # nothing else may be missing: libjpeg then complains of a premature end
    picture, complaints = _by_opencv(data, header, name)
    damage = _damage(header.kind, data, complaints)
    if damage:
        raise PictureError(f"{name} is a damaged {header.kind} image: {damage}. Replace or remove it.")
    if picture is None and header.kind == AVIF:  # of another build of OpenCV
        return _by_pillow(data, name, AVIF)
    if picture is None:
        reason = complaints.splitlines()[0] if complaints else "the file is damaged, cut short or of an unusual form"
        raise PictureError(f"{name} can't be decoded as {header.kind}: {reason}. Replace or remove it.")
    return picture


def checked_header(data: bytes, name: str) -> ImageHeader:
    """The header of an image that may be decoded: of a kind that is known, and within the memory limit.

    Raises:
        PictureError: it may not; the message says why.
    """
    if not data:
        raise PictureError(f"{name} is empty; expected an image ({_EXPECTED}).")
    header = read_header(data)
    if header is None:
        raise PictureError(f"{name} is damaged, or not an image that can be decoded; expected {_EXPECTED}.")
    needed_mb, limit_mb = header.memory_bytes / 1e6, limit_bytes() / 1e6
    if needed_mb > limit_mb:
        raise PictureError(
            f"{name} claims {header.width} x {header.height} pixels: decoding needs {needed_mb:,.0f} MB, "
            f"but the limit is {limit_mb:,.0f} MB. Use a smaller image, or raise the limit with the environment "
            f"variable {LIMIT_VARIABLE}."
        )
    return header


def _by_opencv(data: bytes, header: ImageHeader, name: str) -> tuple[np.ndarray | None, str]:
    """The image, or None; and what the C libraries printed."""
    cv2 = opencv()
    array = np.frombuffer(data, np.uint8)
    complaints = _CapturedStderr()
    try:
        with complaints:
            layered = cv2.imdecode(array, cv2.IMREAD_UNCHANGED) if header.transparent else None
            if layered is not None and layered.ndim == 3 and layered.shape[2] == 4 and not header.premultiplied:
                left_to_turn = 1 if header.kind == TIFF else header.orientation  # libtiff turns it upright itself
                return _upright(_over_white(layered), left_to_turn), complaints.text()
            picture = cv2.imdecode(array, cv2.IMREAD_COLOR)
            if picture is not None and layered is not None:
                picture = _without_layer(picture, layered, data, header, name)
    except cv2.error as error:
        raise PictureError(
            f"{name} can't be decoded: {str(error).strip().splitlines()[-1].rstrip('.')}. Replace or remove it."
        ) from error
    return picture, complaints.text()


def _over_white(layered: np.ndarray) -> np.ndarray:
    """uint8 or uint16 (height, width, 4) over white; a few rows at a time, so that floats take little memory."""
    result = np.empty((*layered.shape[:2], 3), np.uint8)
    top = float(np.iinfo(layered.dtype).max)
    for start in range(0, len(layered), _ROWS_AT_ONCE):
        rows = layered[start : start + _ROWS_AT_ONCE]
        alpha = rows[:, :, 3:].astype(np.float32) / top
        color = rows[:, :, :3] >> 8 if rows.dtype == np.uint16 else rows[:, :, :3]
        result[start : start + _ROWS_AT_ONCE] = color * alpha + 255.0 * (1 - alpha) + 0.5
    return result


def _upright(picture: np.ndarray, orientation: int) -> np.ndarray:
    """Turn an image as EXIF's orientation, 1 to 8, says: OpenCV does so only where it drops transparency."""
    if orientation >= 5:
        picture = picture.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    return np.ascontiguousarray(picture)


def _without_layer(picture: np.ndarray, layered: np.ndarray, data: bytes, header: ImageHeader, name: str) -> np.ndarray:
    """Transparency of the kinds for which OpenCV gives none, or gives it in another form."""
    if header.kind == TIFF and layered.ndim == 3 and layered.shape[2] == 4:
        top = np.iinfo(layered.dtype).max
        white = 255 - (layered[:, :, 3:] // (257 if top > 255 else 1)).astype(np.uint8)
        return picture + np.minimum(white, 255 - picture)  # libtiff has multiplied the colors with their opacity
    if header.kind == TIFF:
        return _by_pillow(data, name, TIFF)
    if header.kind == PNG and layered.ndim == 2:
        clear = _transparent_gray(data, layered)
        picture[_upright(clear[:, :, np.newaxis], header.orientation)[:, :, 0]] = 255
    return picture


def _transparent_gray(data: bytes, gray: np.ndarray) -> np.ndarray:
    """Where a gray PNG has the one level that its tRNS chunk makes transparent."""
    level = next((content[:2] for kind, content in image_header.png_chunks(data) if kind == b"tRNS"), b"")
    bits = data[24]
    scale = 255 // ((1 << bits) - 1) if bits < 8 else 1
    return gray == int.from_bytes(level, "big") * scale if len(level) == 2 else np.zeros(gray.shape, bool)


def _by_pillow(data: bytes, name: str, kind: str) -> np.ndarray:
    """Decode what OpenCV can't: HEIC by pillow-heif, AVIF by Pillow, transparent gray TIFF by Pillow.

    Raises:
        PictureError: they are not installed, or can't decode it.
    """
    try:
        from PIL import Image, ImageOps

        if kind == HEIC:
            import pillow_heif

            pillow_heif.register_heif_opener()
    except ImportError as error:
        raise PictureError(
            f"{name} is a {kind} image, which needs another package. Install it with: {HEIF_INSTALL}. Or save the "
            "image as JPEG."
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images: the limit is our own
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGBA")
    except Exception as error:  # of a damaged file Pillow and its plug-ins raise anything
        raise PictureError(f"{name} can't be decoded as {kind}: {error}. Replace or remove it.") from error
    return _over_white(np.asarray(image)[:, :, [2, 1, 0, 3]])


def _damage(kind: str, data: bytes, said: str) -> str:
    """What is wrong with an image that was decoded nevertheless; empty for what is harmless.

    Bytes between the last block and the marker after it are stuffing that some cameras write.
    """
    if kind == JPEG:
        if not image_header.is_whole_jpeg(data):
            return "the file is cut short"
        lines = [line for line in said.splitlines() if "orrupt" in line or "remature" in line]
        return "; ".join(line for line in lines if not line.endswith("extraneous bytes before marker 0xd9"))
    return said if kind == PNG and "error" in said.lower() else ""


class _CapturedStderr:
    """What C libraries print while an image is decoded: libjpeg tells of damage only there.

    One thread at a time: standard error is the whole process's.
    """

    _turn = threading.Lock()

    def __enter__(self) -> _CapturedStderr:
        self._text = ""
        self._saved: int | None = None
        self._file = files.scratch()
        self._turn.acquire()
        try:
            self._saved = os.dup(2)
        except OSError:  # standard error is closed
            return self
        os.dup2(self._file.fileno(), 2)
        return self

    def __exit__(self, *_: object) -> None:
        if self._saved is not None:
            os.dup2(self._saved, 2)
            os.close(self._saved)
        self._turn.release()
        with self._file:
            self._file.seek(0)
            self._text = self._file.read(2000).decode(errors="replace").strip()

    def text(self) -> str:
        """What was printed, once the block has ended."""
        return self._text

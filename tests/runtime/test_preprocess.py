"""Decoding and fitting against Pillow, an independent implementation; and images of every unusual kind."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecnn.core.errors import PictureError
from edgecnn.runtime.model.contract import Preprocessing
from edgecnn.runtime.run import preprocess


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    from edgecnn.data import open_data

    example = next(e for e in open_data("photos:whole").examples if e.name.startswith("coffee"))
    return Image.fromarray(example.read()[:, :, ::-1])


def _encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def _distance(decoded: np.ndarray, expected: Image.Image) -> float:
    """Mean absolute difference in pixel values between a BGR image and a Pillow image."""
    return float(np.abs(decoded[:, :, ::-1].astype(int) - np.asarray(expected.convert("RGB")).astype(int)).mean())


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGB", "PNG"), ("L", "PNG"), ("P", "PNG"), ("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("RGB", "BMP"),
     ("RGB", "WEBP"), ("RGB", "TIFF"), ("1", "PNG")],
)  # fmt: skip
def test_pictures_of_every_mode_decode_as_pillow_does(photo: Image.Image, mode: str, kind: str) -> None:
    data = _encode(photo.convert(mode), kind)
    assert _distance(preprocess.decode(data), Image.open(io.BytesIO(data))) < 1.5


def test_sixteen_bits_become_eight(photo: Image.Image) -> None:
    gray = np.asarray(photo.convert("L")).astype(np.uint16) * 257
    data = _encode(Image.fromarray(gray), "PNG")
    assert _distance(preprocess.decode(data), photo.convert("L")) < 1


def test_exif_rotation_is_applied(photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees to view
    data = _encode(photo, "JPEG", exif=exif, quality=95)
    upright = photo.transpose(Image.Transpose.ROTATE_270)
    assert _distance(preprocess.decode(data), upright) < 3


def test_transparent_pixels_show_white() -> None:
    picture = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, 4, 8))
    decoded = preprocess.decode(_encode(picture, "PNG"))
    assert decoded[0, 0].tolist() == [255, 0, 0]
    assert decoded[0, 7].tolist() == [255, 255, 255]


def test_one_pixel_is_a_picture() -> None:
    one = preprocess.decode(_encode(Image.new("RGB", (1, 1), (10, 20, 30)), "PNG"))
    fitted = preprocess.fit(one, Preprocessing(4, 4))
    assert (fitted == [10, 20, 30]).all()


@pytest.mark.parametrize("cut", [0.02, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_truncated_pictures_are_refused(photo: Image.Image, kind: str, cut: float) -> None:
    data = _encode(photo, kind)
    with pytest.raises(PictureError):
        preprocess.decode(data[: int(len(data) * cut)])


def test_damaged_jpeg_is_refused(photo: Image.Image) -> None:
    data = bytearray(_encode(photo, "JPEG"))
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xff\xd0" * 20
    with pytest.raises(PictureError, match="damaged JPEG"):
        preprocess.decode(bytes(data))


@pytest.mark.parametrize("content", [b"", b"just text", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=r"x\.jpg"):
        preprocess.read_picture(path)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="No such file"):
        preprocess.read_picture(tmp_path / "nope.png")
    with pytest.raises(PictureError, match="is a folder"):
        preprocess.read_picture(tmp_path)


def test_center_crop_and_shrinking_equal_pillows_box_filter(photo: Image.Image) -> None:
    fitted = preprocess.fit(np.asarray(photo)[:, :, ::-1], Preprocessing(100, 100, crop=0.875))
    side = round(min(photo.size) * 0.875)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    expected = photo.crop((left, top, left + side, top + side)).resize((100, 100), Image.Resampling.BOX)
    # Pillow's box filter takes whole pixels, OpenCV's weighs the ones at the border.
    assert np.abs(fitted.astype(int) - np.asarray(expected).astype(int)).mean() < 2
    shifted = np.roll(np.asarray(expected), 2, axis=1)
    assert np.abs(fitted.astype(int) - shifted.astype(int)).mean() > 4


def test_padding_keeps_the_whole_picture() -> None:
    wide = np.full((10, 40, 3), 200, np.uint8)
    fitted = preprocess.fit(wide, Preprocessing(20, 20, fit="pad"))
    assert (fitted[:7] == 0).all() and (fitted[8:12] == 200).all() and (fitted[13:] == 0).all()


@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 1), (10, 10, 3)])
@pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
def test_colors_end_up_in_the_contracts_order(shape: tuple[int, ...], color: str) -> None:
    picture = np.zeros(shape, np.uint8)
    picture[..., 0] = 255
    fitted = preprocess.fit(picture, Preprocessing(10, 10, color=color, crop=1.0), order="bgr")
    blue = {"rgb": [0, 0, 255], "bgr": [255, 0, 0], "gray": [29]}[color]
    if shape[-1] == 3:
        assert fitted[0, 0].tolist() == blue
    assert fitted.shape == (10, 10, 1 if color == "gray" else 3)


@pytest.mark.parametrize("picture", [np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 2), np.uint8)])
def test_arrays_that_are_no_pictures_are_refused(picture: np.ndarray) -> None:
    with pytest.raises(PictureError):
        preprocess.fit(picture, Preprocessing(4, 4))


@pytest.mark.parametrize(("dtype", "scale", "zero"), [("uint8", 0.02, 114), ("int8", 0.02, -14), ("float32", 0, 0)])
def test_input_table_is_normalization_then_quantization(dtype: str, scale: float, zero: int) -> None:
    preprocessing = Preprocessing(2, 2, mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4))
    table = preprocess.input_table(preprocessing, np.dtype(dtype), scale, zero)
    picture = np.random.default_rng(0).integers(0, 256, (2, 2, 3), dtype=np.uint8)
    real = (picture - np.array(preprocessing.mean)) / np.array(preprocessing.std)
    if scale:
        limits = np.iinfo(dtype)
        real = np.clip(np.round(real / scale) + zero, limits.min, limits.max)
    tensor = preprocess.apply_table(picture, table)
    assert tensor.dtype == dtype and tensor.shape == (1, 2, 2, 3)
    np.testing.assert_allclose(tensor[0], real.astype(dtype), rtol=1e-6)


def test_raw_picture_input_is_not_copied() -> None:
    table = preprocess.input_table(Preprocessing(2, 2, mean=(127.0,), std=(128.0,)), np.dtype(np.uint8), 1 / 128, 127)
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert np.shares_memory(preprocess.apply_table(picture, table), picture)

"""Boxes of pictures that EXIF turns land on the same pixels as the object, whatever the labeling program saw."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, features
from PIL.ImageOps import exif_transpose

from edgecnn.data import open_data
from edgecnn.data.boxes import image_size
from edgecnn.runtime.run.image_header import read_header
from edgecnn.runtime.run.preprocess import read_picture

WIDTH, HEIGHT = 48, 32
STORED = (6, 4, 22, 12)
_ORIENTATION = 0x0112
LOSSLESS = {".jpg": {"quality": 100}, ".webp": {"lossless": True}, ".avif": {"quality": 100}}


def write_turned(path: Path, orientation: int, size: tuple[int, int] = (WIDTH, HEIGHT), **options: Any) -> Image.Image:
    """A black picture with a white object at `STORED`, to be turned as EXIF says; returns it as it is seen."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    left, top, right, bottom = STORED
    pixels[top:bottom, left:right] = 255
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    Image.fromarray(pixels).save(path, exif=exif, **options)
    return exif_transpose(Image.open(path))


def annotate(kind: str, folder: Path, image: str, size: tuple[int, int], corners: Any) -> None:
    """In COCO's or Pascal VOC's format; `size` and `corners` as the labeling program saw them."""
    left, top, right, bottom = corners
    if kind == "coco":
        values = {
            "images": [{"id": 1, "file_name": image, "width": size[0], "height": size[1]}],
            "annotations": [{"image_id": 1, "category_id": 1, "bbox": [left, top, right - left, bottom - top]}],
            "categories": [{"id": 1, "name": "cat"}],
        }
        (folder / "a.json").write_text(json.dumps(values))
        return
    box = f"<xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>"
    (folder / "a.xml").write_text(
        f"<annotation><filename>{image}</filename><size><width>{size[0]}</width><height>{size[1]}</height></size>"
        f"<object><name>cat</name><bndbox>{box}</bndbox></object></annotation>"
    )


def white(picture: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the object."""
    rows, columns = np.nonzero(picture[..., 0] > 128)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize("kind", ["coco", "voc"])
@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_annotated_as_stored(tmp_path: Path, kind: str, orientation: int, suffix: str) -> None:
    write_turned(tmp_path / f"a{suffix}", orientation, **LOSSLESS.get(suffix, {}))
    annotate(kind, tmp_path, f"a{suffix}", (WIDTH, HEIGHT), STORED)
    data = open_data(str(tmp_path))
    (example,) = data.examples
    assert example.annotation.boxes[0].corners == pytest.approx(white(example.read()))
    assert (example.annotation.width, example.annotation.height) == (HEIGHT, WIDTH)
    assert any("1 images are annotated as they are stored" in note and f"a{suffix}" in note for note in data.notes)


@pytest.mark.parametrize("kind", ["coco", "voc"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("scale", [1, 4])
def test_annotated_as_seen(tmp_path: Path, kind: str, orientation: int, scale: int) -> None:
    """Also at another resolution than that of the file."""
    seen = write_turned(tmp_path / "a.png", orientation)
    corners = [scale * int(each) for each in white(np.asarray(seen))]
    annotate(kind, tmp_path, "a.png", (scale * seen.width, scale * seen.height), corners)
    data = open_data(str(tmp_path))
    assert data.examples[0].annotation.boxes[0].corners == pytest.approx(corners)
    assert not data.notes


@pytest.mark.parametrize("kind", ["coco", "voc"])
@pytest.mark.parametrize(
    "size", [(HEIGHT, WIDTH), (WIDTH, 2 * HEIGHT), (12, 8)], ids=["exchanged", "other proportions", "beyond it"]
)
def test_a_wrong_size_is_named(tmp_path: Path, kind: str, size: tuple[int, int]) -> None:
    """The boxes hold in the image: they are its pixels, as other programs take them, which look at no size."""
    write_turned(tmp_path / "a.png", 1)
    annotate(kind, tmp_path, "a.png", size, STORED)
    data = open_data(str(tmp_path))
    assert any("1 images have another size than their annotations say" in note for note in data.notes)
    assert data.examples[0].annotation.boxes[0].corners == STORED
    assert data.examples[0].annotation.sizes() == [(8 / HEIGHT, 16 / WIDTH)]


@pytest.mark.parametrize("kind", ["coco", "voc"])
def test_other_proportions_are_named(tmp_path: Path, kind: str) -> None:
    """What lies beyond the image can't be its pixels."""
    write_turned(tmp_path / "a.png", 1)
    annotate(kind, tmp_path, "a.png", (200, 200), (100, 50, 150, 150))
    data = open_data(str(tmp_path))
    assert any("1 images have other proportions than their annotations say" in note for note in data.notes)
    assert data.examples[0].annotation.sizes() == [(0.5, 0.25)]


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_boxes_beyond_the_stored_image_are_of_the_seen_one(tmp_path: Path, orientation: int) -> None:
    """The size is the stored image's, the boxes were drawn on the turned one."""
    write_turned(tmp_path / "a.jpg", orientation, quality=100)
    corners = (2, 30, 20, 46)
    annotate("voc", tmp_path, "a.jpg", (WIDTH, HEIGHT), corners)
    annotation = open_data(str(tmp_path)).examples[0].annotation
    assert annotation.boxes[0].corners == corners and (annotation.width, annotation.height) == (HEIGHT, WIDTH)


def one_block_png(path: Path, width: int, height: int) -> None:
    """All pixels in one IDAT chunk, as several programs write it; OpenCV and Pillow write many small ones."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", zlib.crc32(kind + content))

    pixels = np.random.default_rng(0).integers(0, 256, (height, 1 + 3 * width), np.uint8)
    pixels[:, 0] = 0
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(pixels.tobytes(), 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b""))


def test_a_large_png_is_not_left_out(tmp_path: Path) -> None:
    """Its one chunk is longer than what a look at the beginning of a file sees."""
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    one_block_png(tmp_path / "images" / "a.png", 900, 600)
    assert (tmp_path / "images" / "a.png").stat().st_size > 1 << 20
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.1\n")
    (example,) = open_data(str(tmp_path)).examples
    assert example.annotation.boxes[0].corners == pytest.approx((360, 270, 540, 330))
    assert example.read().shape == (600, 900, 3)


def test_yolo_of_a_large_turned_webp(tmp_path: Path) -> None:
    """WebP says at its end how to turn it; shares are of what is seen."""
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    write_turned(tmp_path / "images" / "a.webp", 6, lossless=True)
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    (example,) = open_data(str(tmp_path)).examples
    assert (example.annotation.width, example.annotation.height) == (HEIGHT, WIDTH)
    assert example.annotation.boxes[0].corners == pytest.approx((12, 12, 20, 36))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_the_size_is_that_of_the_decoded_image(tmp_path: Path, suffix: str, orientation: int) -> None:
    """AVIF's mirrors don't lay it on its side, and TIFF's orientation does."""
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("this Pillow can't write AVIF")
    write_turned(tmp_path / f"a{suffix}", orientation, **LOSSLESS.get(suffix, {}))
    assert image_size(tmp_path / f"a{suffix}") == read_picture(tmp_path / f"a{suffix}").shape[1::-1]


def test_the_size_of_a_tiff_whose_tile_is_larger(tmp_path: Path) -> None:
    """Decoding takes the whole tile, but the image is smaller."""
    cv2.imwrite(str(tmp_path / "a.tif"), np.zeros((20, 30, 3), np.uint8))
    header = read_header((tmp_path / "a.tif").read_bytes())
    assert header is not None and header.seen == (30, 20)
    header = replace(header, decoded_rows=400)
    assert header.seen == (30, 20) and header.memory_bytes == 30 * 400 * header.bytes_per_pixel


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("is_declared", [True, False])
def test_a_clear_tiff_is_turned_once(tmp_path: Path, orientation: int, is_declared: bool) -> None:
    """Its object is dark, and what is clear around it becomes white, also where no tag says what the fourth is."""
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    left, top, right, bottom = STORED
    pixels[top:bottom, left:right, 3] = 255
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[_ORIENTATION] = orientation
    picture.save(tmp_path / "a.tif", exif=exif)
    if not is_declared:
        extra_samples, sample_format = struct.pack("<HHII", 338, 3, 1, 2), struct.pack("<HHII", 339, 3, 1, 1)
        content = (tmp_path / "a.tif").read_bytes()
        assert extra_samples in content
        (tmp_path / "a.tif").write_bytes(content.replace(extra_samples, sample_format))
    assert white(255 - read_picture(tmp_path / "a.tif")) == white(np.asarray(exif_transpose(picture))[..., 3:])

"""Images as cameras, phones and web pages write them, against Pillow; and what is refused before it is decoded."""

from __future__ import annotations

import io
import os
import resource
import socket
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from edgecnn.core.errors import PictureError, UsageError
from edgecnn.runtime.run import decode as decoding
from edgecnn.runtime.run.decode import decode, read_picture
from edgecnn.runtime.run.image_header import is_animated_gif, read_header

COLUMNS, ROWS = 80, 64
COLOR = cv2.resize(np.random.default_rng(1).integers(0, 256, (8, 10, 3), dtype=np.uint8), (COLUMNS, ROWS))
PHOTO = Image.fromarray(COLOR)
CLEAR = PHOTO.copy()
CLEAR.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, COLUMNS).astype(np.uint8), (ROWS, 1))))
GRAY_CLEAR = PHOTO.convert("L")
GRAY_CLEAR.putalpha(CLEAR.getchannel("A"))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def by_pillow(data: bytes) -> np.ndarray:
    """Red-green-blue, upright, over white."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    white.alpha_composite(image)
    return np.asarray(white.convert("RGB")).astype(int)


def difference(data: bytes) -> float:
    ours, theirs = decode(data)[:, :, ::-1].astype(int), by_pillow(data)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).mean())


JPG = encoded(PHOTO, "JPEG", quality=90)
END = JPG.rfind(b"\xff\xd9")


@pytest.mark.parametrize(
    "data",
    [
        JPG + b"\0\0\0\x18ftypmp42" + b"\x11\xff\xda\x22" * 3,
        JPG + JPG,
        JPG + bytes(999),
        JPG[:END] + b"\x12\x34" * 60 + JPG[END:],
        JPG[:END],
        JPG[: END + 1],
        JPG[:2] + b"\xff\xfe\x00\x06\xff\xda!!" + JPG[2:],
    ],
    ids=["motion photo", "two images", "zeros", "stuffing", "without an end", "half an end", "marker in a comment"],
)
def test_what_surrounds_the_pixels_of_a_jpeg_changes_none(data: bytes) -> None:
    assert (decode(data) == cv2.imdecode(np.frombuffer(JPG, np.uint8), cv2.IMREAD_COLOR)).all()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("cut", [0.5, 0.9, 0.97])
def test_a_jpeg_that_lacks_pixels_is_refused(progressive: bool, cut: float) -> None:
    data = encoded(PHOTO, "JPEG", quality=90, progressive=progressive)
    with pytest.raises(PictureError, match=r"damaged JPEG|can't be decoded"):
        decode(data[: int(len(data) * cut)])


@pytest.mark.parametrize(
    ("image", "kind", "options"),
    [
        (CLEAR, "PNG", {}),
        (GRAY_CLEAR, "PNG", {}),
        (PHOTO.quantize(16), "PNG", {"transparency": 3}),
        (PHOTO.quantize(16), "PNG", {"transparency": bytes(range(0, 256, 16))}),
        (PHOTO.convert("L"), "PNG", {"transparency": PHOTO.convert("L").getpixel((3, 3))}),
        (Image.new("RGB", (8, 8), (1, 2, 3)), "PNG", {"transparency": (1, 2, 3)}),
        (CLEAR, "WEBP", {"lossless": True}),
        (CLEAR, "WEBP", {"quality": 95}),
        (CLEAR, "TIFF", {}),
        (CLEAR, "TIFF", {"compression": "tiff_lzw"}),
        (GRAY_CLEAR, "TIFF", {}),
        (PHOTO.quantize(16), "GIF", {"transparency": 3}),
        (PHOTO, "GIF", {}),
        (PHOTO.convert("CMYK"), "TIFF", {}),
        (PHOTO.convert("1"), "TIFF", {"compression": "group4"}),
        (PHOTO, "TIFF", {"compression": "jpeg", "quality": 95}),
        (PHOTO.quantize(64), "BMP", {}),
        (PHOTO, "PPM", {}),
        (PHOTO, "JPEG2000", {}),
    ],
)
def test_transparency_is_over_white_and_every_mode_is_as_pillow_reads_it(
    image: Image.Image, kind: str, options: dict[str, object]
) -> None:
    assert difference(encoded(image, kind, **options)) < 0.5


@pytest.mark.parametrize(("dtype", "scale"), [(np.uint8, 1), (np.uint16, 257)])
def test_transparent_tiff_of_both_depths(dtype: type, scale: int) -> None:
    opacity = np.asarray(CLEAR.getchannel("A"))[:, :, np.newaxis]
    layered = np.concatenate([COLOR[:, :, ::-1], opacity], axis=2).astype(dtype) * scale
    data = cv2.imencode(".tiff", layered)[1].tobytes()
    share = opacity / 255
    expected = COLOR[:, :, ::-1] * share + 255 * (1 - share)
    assert np.abs(decode(data) - expected).mean() < 1


def test_transparent_sixteen_bits_are_over_white() -> None:
    opacity = np.asarray(CLEAR.getchannel("A"))[:, :, np.newaxis]
    layered = np.concatenate([COLOR[:, :, ::-1], opacity], axis=2).astype(np.uint16) * 257
    expected = COLOR[:, :, ::-1] * (opacity / 255) + 255 * (1 - opacity / 255)
    assert np.abs(decode(cv2.imencode(".png", layered)[1].tobytes()) - expected).mean() < 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "PNG transparent", "WEBP", "WEBP transparent", "TIFF"])
def test_orientation_is_applied_to_every_kind(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    format_name, _, clear = kind.partition(" ")
    options = {"quality": 95} if format_name in ("JPEG", "WEBP") else {}
    assert difference(encoded(CLEAR if clear else PHOTO, format_name, exif=exif, **options)) < 1


def test_a_jpeg_by_any_suffix(tmp_path: Path) -> None:
    for suffix in ("jfif", "jpe", "JPG", "png"):
        (tmp_path / f"photo.{suffix}").write_bytes(JPG)
        assert (read_picture(tmp_path / f"photo.{suffix}") == decode(JPG)).all()


def test_the_first_frame_of_an_animation() -> None:
    frames = [ImageOps.mirror(PHOTO).quantize(64)]
    moving = encoded(PHOTO.quantize(64), "GIF", save_all=True, append_images=frames)
    assert is_animated_gif(moving) and not is_animated_gif(encoded(PHOTO.quantize(64), "GIF"))
    assert difference(moving) < 0.5


@pytest.mark.parametrize("turn", [1, 6])
def test_avif_is_read_or_the_missing_package_is_named(turn: int) -> None:
    pytest.importorskip("PIL.AvifImagePlugin")
    exif = Image.Exif()
    exif[0x0112] = turn
    assert difference(encoded(PHOTO, "AVIF", quality=95, exif=exif)) < 3


HEIC_HEADER = (
    struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + b"meta" + b"ispe" + struct.pack(">III", 0, 640, 480)
)


def test_heic_without_its_package_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match=r"HEIC image.*pip install pillow-heif"):
        decode(HEIC_HEADER)


def test_heic_is_read_as_pillow_heif_reads_it() -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    assert difference(encoded(PHOTO, "HEIF", quality=95)) < 3


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("WEBP", {}), ("WEBP", {"lossless": True}),
     ("GIF", {}), ("BMP", {}), ("TIFF", {}), ("PPM", {}), ("JPEG2000", {}), ("AVIF", {})],
)  # fmt: skip
def test_headers_say_the_size(kind: str, options: dict[str, object]) -> None:
    header = read_header(encoded(PHOTO, kind, **options))
    assert header is not None and (header.width, header.height) == (COLUMNS, ROWS)


def png_that_claims(width: int, height: int, bits: int, color: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    pixels = zlib.compress(bytes(1 << 16))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def claiming(kind: str, width: int, height: int) -> bytes:
    """A small file whose header claims other dimensions."""
    data = bytearray(encoded(PHOTO, kind))
    if kind == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", min(height, 65535), min(width, 65535))
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", width, -height)
    elif kind == "GIF":
        data[6:10] = struct.pack("<HH", min(width, 65535), min(height, 65535))
    elif kind == "TIFF":
        count = struct.unpack_from("<H", data, (start := struct.unpack_from("<I", data, 4)[0]))[0]
        for place in range(start + 2, start + 2 + 12 * count, 12):
            if (tag := struct.unpack_from("<H", data, place)[0]) in (256, 257):
                data[place + 2 : place + 12] = struct.pack("<HII", 4, 1, width if tag == 256 else height)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        png_that_claims(100_000, 33_800, 8, 3),
        png_that_claims(30_000, 30_000, 16, 6),
        png_that_claims(2**31 - 1, 2**31 - 1, 1, 0),
        *(claiming(kind, 60_000, 60_000) for kind in ("JPEG", "BMP", "GIF", "TIFF")),
        b"P6 99999 99999 255\n",
    ],
    ids=["palette PNG", "deep PNG", "largest PNG", "JPEG", "BMP", "GIF", "TIFF", "PPM"],
)
def test_what_takes_too_much_memory_is_refused_by_its_header(data: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(PictureError, match=r"claims [\d]+ x [\d]+ pixels.*512 MB.*EDGECNN_MAX_IMAGE_MB"):
        decode(data, "x.png")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_chunk_that_claims_gigabytes_is_refused_before_it_is_allocated() -> None:
    data = bytearray(encoded(PHOTO.quantize(16), "PNG"))
    place = data.index(b"PLTE") - 4
    data[place : place + 4] = b"\xff\xff\xff\xff"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(PictureError, match="is damaged"):
        decode(bytes(data))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_damaged_avif_is_one_sentence() -> None:
    pytest.importorskip("PIL.AvifImagePlugin")
    data = encoded(PHOTO, "AVIF")
    place = data.index(b"mdat") + 4
    with pytest.raises(PictureError, match="AVIF"):
        decode(data[:place] + bytes(len(data) - place))


def test_the_limit_is_an_option_and_counts_bytes_not_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    shallow, deep = png_that_claims(1000, 1000, 8, 2), png_that_claims(1000, 1000, 16, 6)
    monkeypatch.setenv(decoding.LIMIT_VARIABLE, "10")
    assert decoding.checked_header(shallow, "x").memory_bytes < 10e6
    with pytest.raises(PictureError, match="limit is 10 MB"):
        decode(deep)
    monkeypatch.setenv(decoding.LIMIT_VARIABLE, "lots")
    with pytest.raises(UsageError, match="'lots'"):
        decode(shallow)


@pytest.mark.parametrize(
    ("image", "kind", "options"),
    [
        (PHOTO, "PNG", {}),
        (CLEAR, "PNG", {}),
        (PHOTO, "JPEG", {"progressive": True, "subsampling": 0}),
        (PHOTO, "BMP", {}),
        (CLEAR, "TIFF", {}),
        (PHOTO, "TIFF", {}),
        (PHOTO.quantize(16), "GIF", {}),
        (CLEAR, "WEBP", {"quality": 50, "method": 0}),
    ],
)
def test_decoding_takes_no_more_memory_than_the_header_says(
    tmp_path: Path, image: Image.Image, kind: str, options: dict[str, object]
) -> None:
    data = encoded(image.resize((3000, 2000)), kind, **options)
    (tmp_path / "x").write_bytes(data)
    script = (
        "import resource, sys; from edgecnn.runtime.run.decode import decode, read_picture\n"
        "decode(open(sys.argv[2], 'rb').read())\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak(); read_picture(sys.argv[1]); print((peak() - before) * 1024)"
    )
    (tmp_path / "small").write_bytes(encoded(image.resize((16, 16)), kind, **options))
    command = [sys.executable, "-c", script, str(tmp_path / "x"), str(tmp_path / "small")]
    taken = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    header = read_header(data)
    assert header is not None and taken < 1.1 * header.memory_bytes + len(data) + 12e6


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s.png"))
    for path, name in (
        (tmp_path / "fifo.png", "FIFO"),
        (tmp_path / "s.png", "socket"),
        (Path("/dev/zero"), "character device"),
        (tmp_path, "folder"),
    ):
        with pytest.raises(PictureError, match=rf"is a {name}.*expected a regular file"):
            read_picture(path)
    listening.close()
    with (tmp_path / "sparse.png").open("wb") as stream:
        stream.truncate(20 << 30)
    with pytest.raises(PictureError, match="bytes; expected at most"):
        read_picture(tmp_path / "sparse.png")
    with pytest.raises(PictureError, match="null"):
        read_picture("a\0b.png")


def test_images_are_decoded_although_standard_error_is_closed(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(JPG)
    script = (
        "import os, sys; os.close(2); from edgecnn.runtime.run.decode import read_picture; read_picture(sys.argv[1])"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path / "x.jpg")]).returncode == 0

"""What an image file's header says: kind, size, orientation, transparency, and the memory that decoding it takes.

Nothing is decoded here, so a file of a few hundred bytes that claims a billion pixels costs nothing.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .. import memory_limit
from .tiff_tags import DAMAGED, exif_orientation, tiff_tags

LIMIT_VARIABLE = "EDGECNN_MAX_IMAGE_MB"
DEFAULT_LIMIT_MB = 512
"""A photograph of 85 million pixels, and what a board of 1 GB survives."""
HEIF_INSTALL = "pip install pillow-heif"
PNG, JPEG, WEBP, GIF, BMP, TIFF = "PNG", "JPEG", "WebP", "GIF", "BMP", "TIFF"
HEIC, AVIF = "HEIC", "AVIF"
SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k"),
    )
)
"""Names of image files end so, in any case; what a file is, its content says."""
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_JPEG_NO_LENGTH = (0x01, 0xD8)
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_EXTRA_SAMPLES, _PHOTOMETRIC = 338, 262
_COUNTERCLOCKWISE = (1, 8, 3, 6)  # EXIF's orientation by quarter turns of ISO/IEC 23008-12, "irot"
_RGB = 2
_META_BYTES = 1 << 20


@dataclass(frozen=True)
class ImageHeader:
    """What is known before decoding.

    Attributes:
        kind: for people, e.g. "JPEG".
        width: columns, as stored.
        height: rows, as stored.
        bytes_per_pixel: of memory at the peak of decoding, measured with OpenCV 5.
        orientation: 1 to 8, as EXIF numbers them; 2 for any mirror of AVIF.
        transparent: whether pixels may be transparent.
        premultiplied: whether the decoder gives colors that are multiplied with their opacity (TIFF).
        decoded_rows: that decoding takes, where they are more than the image has.
    """

    kind: str
    width: int
    height: int
    bytes_per_pixel: int = 6
    orientation: int = 1
    transparent: bool = False
    premultiplied: bool = False
    decoded_rows: int = 0

    @property
    def seen(self) -> tuple[int, int]:
        """Width and height of the image as it is seen."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)

    @property
    def memory_bytes(self) -> int:
        """About what decoding takes at its peak."""
        return self.width * max(self.height, self.decoded_rows) * self.bytes_per_pixel


def limit_bytes() -> int:
    """How much memory decoding one image may take.

    Raises:
        UsageError: the environment variable EDGECNN_MAX_IMAGE_MB is no positive number.
    """
    return memory_limit.limit_bytes(LIMIT_VARIABLE, DEFAULT_LIMIT_MB)


def read_header(data: bytes) -> ImageHeader | None:
    """The header of an encoded image; None where the kind is unknown or the header is damaged."""
    for matches, read in _READERS:
        if matches(data):
            try:
                header = read(data)
            except DAMAGED:
                return None
            return header if header and header.width > 0 and header.height > 0 else None
    return None


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Each marker of a JPEG with the start and end of its segment, from the one after SOI to EOI; a cut file lacks EOI.

    Entropy-coded data is skipped, and so is what follows EOI: phones append a video or a second image there.
    """
    place = 2
    while found := _JPEG_MARKER.search(data, place):
        marker, start = data[found.end() - 1], found.end()
        if marker == 0xD9:
            yield marker, start, start
            return
        place = start
        if marker not in _JPEG_NO_LENGTH:
            place = start + int.from_bytes(data[start : start + 2], "big")
            yield marker, start + 2, place


def is_whole_jpeg(data: bytes) -> bool:
    """Whether it ends where a JPEG ends."""
    return any(marker == 0xD9 for marker, _, _ in jpeg_segments(data))


def is_progressive_jpeg(data: bytes) -> bool:
    """Whether it comes in scans that refine each other."""
    return any(marker in _JPEG_PROGRESSIVE for marker, _, _ in jpeg_segments(data))


def is_animated_gif(data: bytes) -> bool:
    """Whether it has more than one frame; a file that is cut short has those before the cut."""
    try:
        return _gif_frames(data, 2) > 1
    except DAMAGED:
        return False


def _gif_frames(data: bytes, most: int) -> int:
    """How many frames it has, counted up to `most`."""
    place, frames = 13 + _gif_colors(data[10]), 0
    while place < len(data) and frames < most:
        block = data[place]
        if block == 0x2C:
            frames += 1
            place = _after_blocks(data, place + 11 + _gif_colors(data[place + 9]))
        elif block == 0x21:
            place = _after_blocks(data, place + 2)
        else:
            break
    return frames


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, content) of each chunk of a PNG.

    Raises:
        ValueError: a chunk claims to be longer than the file; decoders allocate what it claims.
    """
    place = len(_PNG_SIGNATURE)
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if length > len(data) - place - 8:
            raise ValueError(f"a chunk claims {length:,} bytes")
        yield kind, data[place + 8 : place + 8 + length]
        place += 12 + length


def _png(data: bytes) -> ImageHeader:
    width, height, bits, color = struct.unpack_from(">IIBB", data, 16)
    chunks = {kind: content for kind, content in png_chunks(data) if kind in (b"tRNS", b"eXIf")}
    transparent = color in (4, 6) or b"tRNS" in chunks
    orientation = exif_orientation(chunks[b"eXIf"]) if b"eXIf" in chunks else 1
    layers = 8 if bits <= 8 else 16
    return ImageHeader(PNG, width, height, layers if transparent else 6, orientation, transparent)


def _jpeg(data: bytes) -> ImageHeader | None:
    orientation = 1
    for marker, start, end in jpeg_segments(data):
        if marker == 0xE1 and data[start : start + 6] == b"Exif\0\0":
            orientation = exif_orientation(data[start + 6 : end])
        elif marker in _JPEG_FRAMES:
            _, height, width, parts = struct.unpack_from(">BHHB", data, start)
            factors = [(data[start + 7 + 3 * part] >> 4, data[start + 7 + 3 * part] & 15) for part in range(parts)]
            blocks = sum(across * down for across, down in factors)
            largest = max(across for across, _ in factors) * max(down for _, down in factors)
            coefficients = 2 * -(-blocks // max(largest, 1))  # all scans are kept until the last refines them
            bytes_per_pixel = max(6, 3 + coefficients) if marker in _JPEG_PROGRESSIVE else 6
            return ImageHeader(JPEG, width, height, bytes_per_pixel, orientation)
    return None


def _webp(data: bytes) -> ImageHeader | None:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[place : place + 3], "little") for place in (24, 27))
        exif = _riff_chunk(data, b"EXIF")
        return ImageHeader(WEBP, width, height, 8, exif_orientation(exif), bool(data[20] & 0x10))
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return ImageHeader(WEBP, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 8, transparent=bool(bits >> 28 & 1))
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return ImageHeader(WEBP, width & 0x3FFF, height & 0x3FFF, 8)
    return None


def _riff_chunk(data: bytes, wanted: bytes) -> bytes:
    place = 12
    while place + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, place)
        if kind == wanted:
            content = data[place + 8 : place + 8 + length]
            return content[6:] if content.startswith(b"Exif\0\0") else content
        place += 8 + length + length % 2
    return b""


def _gif(data: bytes) -> ImageHeader:
    width, height = struct.unpack_from("<HH", data, 6)
    return ImageHeader(GIF, width, height, 9, transparent=True)


def _gif_colors(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(data: bytes, place: int) -> int:
    while place < len(data) and data[place]:
        place += 1 + data[place]
    return place + 1


def _bmp(data: bytes) -> ImageHeader:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return ImageHeader(BMP, width, abs(height))


def _tiff(data: bytes) -> ImageHeader:
    tags = tiff_tags(data)
    width, height = tags[256], tags[257]
    tile = tags.get(322, 0) * tags.get(323, 0)
    channels, bits = tags.get(277, 1), tags.get(258, 8)
    bytes_per_pixel = max(12, 2 * channels * -(-bits // 8))
    rows = max(height, -(-tile // max(width, 1)))  # a tile may be larger than the image
    says_so = tags.get(_EXTRA_SAMPLES) in (1, 2)
    transparent = says_so or (_EXTRA_SAMPLES not in tags and tags.get(_PHOTOMETRIC) == _RGB and channels == 4)
    orientation = exif_orientation(data)  # EXIF is a TIFF without an image
    return ImageHeader(TIFF, width, height, bytes_per_pixel, orientation, transparent, says_so, rows)


def _pnm(data: bytes) -> ImageHeader | None:
    if data[1:2] == b"7":
        found = re.search(rb"WIDTH\s+(\d{1,9})\s[\s\S]*?HEIGHT\s+(\d{1,9})\s", data[:1024])
    else:
        found = re.match(rb"P[1-6](?:\s+|#[^\n]*\n)+(\d{1,9})(?:\s+|#[^\n]*\n)+(\d{1,9})\s", data[:4096])
    return ImageHeader("PNM", int(found[1]), int(found[2]), 12) if found else None


def _iso_media(data: bytes) -> ImageHeader | None:
    """HEIC and AVIF: the largest of the sizes that the properties name is that of the whole image."""
    length = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[8:12], *(data[place : place + 4] for place in range(16, length, 4))}
    kind = AVIF if brands & {b"avif", b"avis"} else HEIC if brands & _HEIC_BRANDS else None
    sizes = [struct.unpack_from(">II", data, at.end() + 4) for at in re.finditer(rb"ispe", data[:_META_BYTES])]
    if kind is None or not sizes:
        return None
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    rotation = re.search(rb"irot(.)", data[:_META_BYTES], re.DOTALL)
    orientation = _COUNTERCLOCKWISE[rotation[1][0] & 3] if rotation else 1
    if orientation == 1 and b"imir" in data[:_META_BYTES]:
        orientation = 2
    return ImageHeader(kind, width, height, 18, orientation, transparent=True)


def _jpeg_2000(data: bytes) -> ImageHeader | None:
    at = data.find(b"\xff\x4f\xff\x51")
    if at < 0:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
    parts = struct.unpack_from(">H", data, at + 40)[0]
    return ImageHeader("JPEG 2000", right - left, bottom - top, max(16, 5 * parts))


_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], ImageHeader | None]], ...] = (
    (lambda data: data.startswith(_PNG_SIGNATURE), _png),
    (lambda data: data.startswith(b"\xff\xd8\xff"), _jpeg),
    (lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP", _webp),
    (lambda data: data[:6] in (b"GIF87a", b"GIF89a"), _gif),
    (lambda data: data[:2] == b"BM", _bmp),
    (lambda data: data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), _tiff),
    (lambda data: data[4:8] == b"ftyp", _iso_media),
    (lambda data: data[4:8] == b"jP  " or data[:4] == b"\xff\x4f\xff\x51", _jpeg_2000),
    (lambda data: data[:1] == b"P" and data[1:2] in b"1234567" and data[2:3].isspace(), _pnm),
)

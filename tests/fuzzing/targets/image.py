"""Images in every format that is read, in the commands that read them."""

from __future__ import annotations

import functools
import io
import random
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fuzzing import models, mutate
from fuzzing.case import Case

COMMANDS = (
    *["classify ref.tflite {}"] * 6,
    "verify ref.tflite --against ref.tflite --data pictures",
    "visualize ref.tflite {} -o page.html",
    "demo ref.tflite --source {} --headless --seconds 1",
)
_SUFFIXES = (".png", ".jpg", ".webp", ".bmp", ".tiff", ".gif")
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".webp": "WEBP", ".bmp": "BMP", ".tiff": "TIFF", ".gif": "GIF"}
_SIZES = (0, 1, 2, 255, 65_500, 65_535, 100_000, (1 << 31) - 1, 0xFFFFFFFF)


class Fuzz:
    """See `Target`."""

    HOST = False

    def __init__(self, corpus: Sequence[Path]) -> None:
        self.model = models.seeds(())[0]
        self.images = [(path.suffix.lower(), path.read_bytes()) for path in corpus if path.suffix.lower() in _SUFFIXES]

    def case(self, draw: random.Random) -> Case:
        """A damaged image, one whose header lies, or something that is no file."""
        suffix, sound = draw.choice([*sound_images(), *self.images])
        name = f"i{draw.choice((suffix, suffix, suffix, *_SUFFIXES))}"
        content: bytes | str = mutate.octets(sound, draw, edge=600)
        if draw.random() < 0.3:
            content = draw.choice((_lying_png, _lying_header, _long_gif))(sound, draw)
        elif draw.random() < 0.05:
            content = draw.choice(
                ("fifo", "folder", "link:/dev/zero", "link:/dev/stdin", "link:i", "link:/proc/self/mem")
            )
        command = draw.choice(COMMANDS).format(name)
        files = {
            "ref.tflite": self.model,
            name: content,
            f"pictures/x/{name}": content,
            "pictures/y/1.png": models.picture(),
        }
        return Case(command.split(), files, pages=("page.html",))


@functools.cache
def sound_images() -> list[tuple[str, bytes]]:
    from PIL import Image

    pixels = np.random.default_rng(2).integers(0, 256, (24, 31, 4), dtype=np.uint8)
    found = []
    for suffix, name in _FORMATS.items():
        for mode in ("RGB", "L", "RGBA", "P"):
            stream = io.BytesIO()
            try:
                Image.fromarray(pixels).convert("RGB").convert(mode).save(stream, name)
            except (OSError, KeyError):
                continue
            found.append((suffix, stream.getvalue()))
    import cv2

    deep = np.random.default_rng(3).integers(0, 65536, (20, 20, 4), dtype=np.uint16)
    return [*found, (".png", bytes(cv2.imencode(".png", deep)[1])), (".tiff", bytes(cv2.imencode(".tiff", deep)[1]))]


def _lying_png(sound: bytes, draw: random.Random) -> bytes:
    """A PNG with right checksums whose header claims another size, depth or kind."""
    width, height = draw.choice(_SIZES), draw.choice(_SIZES)
    form = bytes((draw.choice((1, 8, 8, 16, 3)), draw.choice((0, 2, 3, 4, 6, 7)), 0, 0, draw.choice((0, 1))))
    data = zlib.compress(b"\0" * draw.choice((10, 100_000, 1 << 24)), 9)
    chunks = ((b"IHDR", struct.pack(">II", width, height) + form), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _lying_header(sound: bytes, draw: random.Random) -> bytes:
    """Numbers of its first bytes replaced."""
    data = bytearray(sound)
    for _ in range(draw.choice((1, 2, 3))):
        place, form = draw.randrange(min(len(data) - 4, 64)), draw.choice(("<H", ">H", "<I", ">I"))
        size = draw.choice(_SIZES)
        struct.pack_into(form, data, place, size & (0xFFFF if form[1] == "H" else 0xFFFFFFFF))
    return bytes(data)


def _long_gif(sound: bytes, draw: random.Random) -> bytes:
    """Many frames, or a frame far outside of the screen."""
    from PIL import Image

    stream = io.BytesIO()
    frames = [Image.new("P", (draw.choice((1, 64)), 8), color=number % 255) for number in range(draw.choice((2, 300)))]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    return mutate.octets(stream.getvalue(), draw, edge=100)

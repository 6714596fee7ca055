"""Small JPEGs of the stored images, for the page; the latest are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict

from edgecnn.collecting.store import Store
from edgecnn.core.errors import PictureError
from edgecnn.runtime.opencv import opencv
from edgecnn.runtime.run.decode import read_picture

SIDES = ("192", "960")
_MOST_BYTES = 24 << 20
_QUALITY = 82


class Thumbnails:
    """Makes each once, one at a time.

    Args:
        store: whose images are shown; no other file is read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._bytes = 0

    def jpeg(self, key: str, side: str) -> bytes | None:
        """An image with sides of at most `side` pixels, one of `SIDES`; None where there is none."""
        path = self._store.path(key)
        if path is None or side not in SIDES:
            return None
        with self._turn:
            if (key, side) in self._kept:
                self._kept.move_to_end((key, side))
                return self._kept[key, side]
            try:
                picture = read_picture(path)
            except PictureError:
                return None
            cv2 = opencv()
            scale = min(1.0, int(side) / max(picture.shape[:2]))
            picture = (
                cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
            )
            jpeg = bytes(cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))[1])
            self._kept[key, side] = jpeg
            self._bytes += len(jpeg)
            while self._bytes > _MOST_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1])
            return jpeg

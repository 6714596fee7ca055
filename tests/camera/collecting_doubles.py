"""A camera whose every frame is another one, and a collector that reads it."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import time
import urllib.parse

import cv2
import numpy as np

from edgecnn.camera.source import Shot
from edgecnn.collecting.collector import Collector
from edgecnn.collecting.settings import CollectOptions


def scene(seed: int, size: tuple[int, int] = (160, 120)) -> np.ndarray:
    """An image that looks like no other: random patches, uint8 (height, width, 3)."""
    patches = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    return cv2.resize(patches, size, interpolation=cv2.INTER_NEAREST)


class Scenes:
    """A camera at a steady rate; each frame is shown `repeated` times, so that the others are near-duplicates."""

    live = True
    name = "scenes"

    def __init__(self, fps: float = 60.0, repeated: int = 1, size: tuple[int, int] = (160, 120)) -> None:
        self.fps, self._size = fps, size
        self._numbers = (number // repeated for number in itertools.count())
        self._due = time.monotonic()

    def read(self) -> Shot:
        self._due = max(self._due + 1 / self.fps, time.monotonic() - 0.5)
        time.sleep(max(0.0, self._due - time.monotonic()))
        return Shot(scene(next(self._numbers), self._size), time.monotonic())

    def close(self) -> None:
        pass


@contextlib.contextmanager
def collecting(folder, *classes, camera=Scenes, **options):
    """A collector that runs."""
    made = Collector(
        CollectOptions(str(folder), classes, **{"source": "none", **options}), camera, note=lambda text: None
    )
    try:
        made.start()
        if camera:
            assert made.live.newer(0, 10) is not None
        yield made
    finally:
        made.close()


class Client:
    """Asks the server as its page does."""

    def __init__(self, collector):
        parts = urllib.parse.urlsplit(collector.addresses[0])
        self.host, self.port, self.query = parts.hostname, parts.port, parts.query

    def request(self, method, path, body=None, origin=True, kind="application/json", **headers):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        own = {"Origin": f"http://{self.host}:{self.port}", "Content-Type": kind} if origin else {}
        if self.query:
            path += ("&" if "?" in path else "?") + self.query
        connection.request(method, path, body, {**own, **headers})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def post(self, path, **values):
        status, content = self.request("POST", path, json.dumps(values))
        assert status == 200, content
        return json.loads(content)

    def upload(self, place, data, name="a.jpg"):
        query = urllib.parse.urlencode({"class": place, "name": name})
        return self.request("POST", f"/upload?{query}", data, kind="application/octet-stream")

"""The page of `edgecnn collect` and what it asks for. What changes something is a POST that only the page can send."""

from __future__ import annotations

import dataclasses
import importlib.resources
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from edgecnn.camera.broadcast import Packet
from edgecnn.collecting.cautions import Caution, cautions
from edgecnn.collecting.live import Live, blue_green_red
from edgecnn.collecting.pictures import REVIEW, Picture
from edgecnn.collecting.recorder import Recorder
from edgecnn.collecting.settings import CollectOptions
from edgecnn.collecting.store import Store
from edgecnn.collecting.thumbnails import Thumbnails
from edgecnn.collecting.training import Training
from edgecnn.collecting.watch import Watch
from edgecnn.core.errors import EdgecnnError, UsageError
from edgecnn.core.text import counted
from edgecnn.web.content_policy import content_policy
from edgecnn.web.web_server import MOST_BODY, Request, WebServer

MOST_UPLOAD = 32 << 20
_PATIENCE_S = 1.0
_CAUTIONS_EVERY_S = 1.0
_MOST_LISTED = 120
_MOST_KEYS = 1000


@dataclass(frozen=True)
class Parts:
    """What the page works with."""

    store: Store
    live: Live
    recorder: Recorder
    watch: Watch
    training: Training


class CollectServer(WebServer):
    """Serves the page in threads of its own.

    Args:
        parts: camera, folder and so on.
        options: where to listen, and what the page begins with.
        labels: of the model; empty without one.

    Raises:
        CameraError: the port is taken.
        UsageError: there is no such host or port.
    """

    COMMAND = "edgecnn collect"

    def __init__(self, parts: Parts, options: CollectOptions, labels: tuple[str, ...] = ()) -> None:
        self._parts, self._options, self._labels = parts, options, labels
        self._page = page()
        self._thumbnails = Thumbnails(parts.store)
        self._cautions: tuple[int, float, list[Caution]] = (-1, 0.0, [])
        self._posts: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "/hold": self._hold, "/release": self._release,
            "/class": self._add_class, "/remove-class": self._remove_class, "/move": self._move,
            "/delete": self._delete, "/undo": self._undo, "/wrong": self._wrong,
            "/watch": self._watch, "/train": self._train, "/settings": self._set,
        }  # fmt: skip
        policy = content_policy(self._page).replace("img-src ", "img-src 'self' ")
        super().__init__(options.host, options.port, policy)

    def most_body(self, path: str) -> int:
        """Images are larger than what is said of them."""
        return MOST_UPLOAD if path == "/upload" else MOST_BODY

    def answer(self, request: Request, path: str, fields: dict[str, str]) -> None:
        """The page, and what it shows."""
        if path == "/":
            request.send(self._page, "text/html; charset=utf-8")
        elif path == "/about":
            _send(request, self._about())
        elif path == "/frame":
            number = fields.get("after", "")
            after = int(number) if number.isdecimal() and len(number) < 20 else 0
            packet = self._parts.live.broadcast.wait(after, _PATIENCE_S)
            said = {"state": self.state(), **(packet.said if packet else {})}
            request.send(Packet.packed(said, packet), "application/octet-stream")
        elif path == "/pictures":
            start = fields.get("from", "")
            first = int(start) if start.isdecimal() and len(start) < 10 else 0
            _send(request, self._listed(fields.get("place", ""), first))
        elif path == "/picture" and (jpeg := self._thumbnails.jpeg(fields.get("name", ""), fields.get("side", ""))):
            request.send(jpeg, "image/jpeg")
        else:
            request.send(b"Not here.", "text/plain; charset=utf-8", HTTPStatus.NOT_FOUND)

    def accept(self, request: Request, path: str, body: bytes) -> None:
        """Do what the page asks for, and tell it the state."""
        if path != "/upload" and path not in self._posts:
            super().accept(request, path, body)
            return
        try:
            if path == "/upload":
                result = self._upload(request.asked()[1], body)
            else:
                values = json.loads(body)
                if not isinstance(values, dict):
                    raise UsageError("The request is no JSON object.")
                result = self._posts[path](values)
        except (ValueError, RecursionError, EdgecnnError) as error:
            status = HTTPStatus.CONFLICT if isinstance(error, EdgecnnError) else HTTPStatus.BAD_REQUEST
            request.send(str(error).encode("utf-8", "replace"), "text/plain; charset=utf-8", status)
            return
        _send(request, {**result, "state": self.state()})

    def state(self) -> dict[str, Any]:
        """What changes: counts, cautions, the camera, the bursts, the training; JSON values."""
        store, recorder = self._parts.store, self._parts.recorder
        bursts = [burst.to_json() for burst in recorder.bursts() if burst.is_recent]  # first: the counts hold theirs
        return {
            "version": store.version,
            "classes": [{"name": name, "count": count} for name, count in store.counts().items()],
            "review": store.waiting,
            "cautions": [dataclasses.asdict(each) for each in (*self._broken(), *self._warned())],
            "total": dataclasses.asdict(recorder.total),
            "bursts": bursts,
            "camera": self._parts.live.state(),
            "watch": self._parts.watch.is_on,
            "keep_near_duplicates": store.keep_near_duplicates,
            "training": self._parts.training.state(),
        }

    def _about(self) -> dict[str, Any]:
        recognizer = self._parts.live.recognizer
        return {
            "data": str(self._parts.store.root),
            "rate": self._options.rate,
            "model": recognizer.engine.contract.name if recognizer else "",
            "labels": list(self._labels[:_MOST_KEYS]),
            "threshold": self._options.threshold,
            "most_upload": MOST_UPLOAD,
            "state": self.state(),
        }

    def _broken(self) -> list[Caution]:
        """What has ended and can't be mended from the page."""
        failure = self._parts.live.failure
        return [Caution("model", "", failure)] if failure else []

    def _warned(self) -> list[Caution]:
        """Cautions, found anew at most once a second: looking at thousands of images takes a while."""
        version, at, found = self._cautions
        store = self._parts.store
        if version != store.version and time.monotonic() - at > _CAUTIONS_EVERY_S:
            version = store.version
            found = cautions({name: store.pictures(name) for name in store.classes})
            self._cautions = version, time.monotonic(), found
        return found

    def _listed(self, place: str, first: int) -> dict[str, Any]:
        found = self._parts.store.pictures(place)
        shown = found[first : first + _MOST_LISTED]
        return {"version": self._parts.store.version, "total": len(found), "pictures": [_told(each) for each in shown]}

    def _hold(self, values: dict[str, Any]) -> dict[str, Any]:
        rate = values.get("rate", self._options.rate)
        if isinstance(rate, bool) or not isinstance(rate, (int, float)):
            raise UsageError(f"The rate is {rate!r:.40}; expected a number of images per second.")
        burst, place, frames = _text(values, "burst"), _text(values, "class"), int(values.get("single") is True)
        return {"burst": self._parts.recorder.hold(burst, place, rate, frames).to_json()}

    def _release(self, values: dict[str, Any]) -> dict[str, Any]:
        burst = self._parts.recorder.release(_text(values, "burst"))
        return {"burst": burst.to_json() if burst else None}

    def _add_class(self, values: dict[str, Any]) -> dict[str, Any]:
        return {"class": self._parts.store.add_class(values.get("class"))}

    def _remove_class(self, values: dict[str, Any]) -> dict[str, Any]:
        self._parts.store.remove_class(_text(values, "class"))
        return {}

    def _move(self, values: dict[str, Any]) -> dict[str, Any]:
        place = _text(values, "class")
        return {"said": f"Moved {counted(self._parts.store.move(_keys(values), place), 'image')} to {place}."}

    def _delete(self, values: dict[str, Any]) -> dict[str, Any]:
        return {"said": f"Deleted {counted(self._parts.store.remove(_keys(values)), 'image')}."}

    def _undo(self, values: dict[str, Any]) -> dict[str, Any]:
        self._parts.recorder.drain()
        undone = self._parts.store.undo()
        return {"said": f"Undone: {undone}." if undone else "There is nothing to undo."}

    def _wrong(self, values: dict[str, Any]) -> dict[str, Any]:
        """The newest frame goes into the class that is named, or into the review queue."""
        frame = self._parts.live.newer(0, 0.0)
        if frame is None:
            raise UsageError("The camera has given no image yet.")
        place = _text(values, "class") if values.get("class") else REVIEW
        outcome = self._parts.store.add(place, blue_green_red(frame), said=self._parts.live.said())
        where = "the review queue" if place == REVIEW else place
        return {"said": f"{where}: {outcome}."}

    def _watch(self, values: dict[str, Any]) -> dict[str, Any]:
        if self._parts.live.recognizer is None:
            raise UsageError("There is no model. Start edgecnn collect with --model.")
        self._parts.watch.is_on = values.get("on") is True
        return {}

    def _set(self, values: dict[str, Any]) -> dict[str, Any]:
        self._parts.store.keep_near_duplicates = values.get("keep_near_duplicates") is True
        return {}

    def _train(self, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("action") == "cancel":
            self._parts.training.cancel()
            return {}
        if sum(count > 0 for count in self._parts.store.counts().values()) < 2:
            raise UsageError("Training needs images of two classes or more.")
        self._parts.recorder.drain()
        self._parts.training.start()
        return {}

    def _upload(self, fields: dict[str, str], body: bytes) -> dict[str, Any]:
        name = fields.get("name", "")[:80]
        outcome = self._parts.store.add_file(
            fields.get("class", ""), body, action=fields.get("action", "")[:80], name=name or "the image"
        )
        return {"outcome": outcome}


def page() -> bytes:
    """The page with its style and script, which need nothing from anywhere else."""
    parts = importlib.resources.files("edgecnn.collecting").joinpath("page")
    style = importlib.resources.files("edgecnn.html").joinpath("palette.css").read_text("utf-8")
    style += parts.joinpath("collect.css").read_text("utf-8")
    text = parts.joinpath("collect.html").read_text("utf-8")
    text = text.replace("<style></style>", f"<style>\n{style}</style>")
    script = parts.joinpath("collect.js").read_text("utf-8")
    return text.replace("<script></script>", f"<script>\n{script}</script>").encode()


def _told(picture: Picture) -> dict[str, Any]:
    return {
        "name": picture.key,
        "class": picture.place,
        "blurred": picture.sight.is_blurred,
        "dark": picture.sight.is_dark,
        "doubtful": picture.is_doubtful,
        "said": dataclasses.asdict(picture.said) if picture.said else None,
    }


def _text(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= 200:
        raise UsageError(f"The request's {key} is {value!r:.40}; expected a text.")
    return value


def _keys(values: dict[str, Any]) -> list[str]:
    keys = values.get("names")
    if not isinstance(keys, list) or len(keys) > _MOST_KEYS or not all(isinstance(key, str) for key in keys):
        raise UsageError(f"The request's names are no list of at most {_MOST_KEYS} texts.")
    return keys


def _send(request: Request, value: Any) -> None:
    request.send(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), "application/json")

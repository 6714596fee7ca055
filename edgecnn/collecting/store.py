"""The folder that is collected into: a folder of images per class, as `edgecnn train` reads it.

Every image is whole or absent, whenever the process ends. What is removed stays in a hidden folder until the end, so
that it can be undone.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgecnn.collecting import class_names
from edgecnn.collecting.disk import Disk
from edgecnn.collecting.pictures import REMOVED, REVIEW, Index, Picture, Said
from edgecnn.collecting.sight import Sight
from edgecnn.core import files
from edgecnn.core.errors import PictureError, UsageError
from edgecnn.core.progress import Progress, silent
from edgecnn.core.text import counted
from edgecnn.data.look_alikes import alike
from edgecnn.runtime.opencv import opencv
from edgecnn.runtime.run.decode import checked_header, decode, read_picture
from edgecnn.runtime.run.image_header import JPEG, PNG, WEBP

STORED, NEAR_DUPLICATE = "stored", "near-duplicate"
MOST_CLASSES = 100
MOST_REVIEW = 500
_QUALITY = 95  # of JPEG: frames of a camera have been compressed once already
_AS_THEY_ARE = {JPEG: ".jpg", PNG: ".png", WEBP: ".webp"}
_MOST_UNDONE = 200


@dataclass
class Change:
    """What can be undone: each image before (None for a new one) and after."""

    action: str
    words: str
    moves: list[tuple[Picture | None, Picture]] = field(default_factory=list)


class Store:
    """One folder, open; used by any thread.

    Args:
        folder: DATA; made if it is missing.
        keep_near_duplicates: store images that look like one of the same class, too.
        progress: told how many of the images that are there have been looked at.

    Attributes:
        version: grows with every change.
        unreadable: images that were there and can't be read.

    Raises:
        UsageError: the folder holds splits instead of classes.
        EdgecnnError: it can't be written, or another process collects into it.
    """

    def __init__(self, folder: str | Path, keep_near_duplicates: bool = False, progress: Progress = silent) -> None:
        self.root = Path(folder)
        self.keep_near_duplicates = keep_near_duplicates
        self.version = 0
        self.unreadable = 0
        self._turn = threading.RLock()
        self._pictures: dict[str, dict[str, Picture]] = {REVIEW: {}, REMOVED: {}}
        self._changes: deque[Change] = deque(maxlen=_MOST_UNDONE)
        self._actions = 0
        self._disk = Disk(self.root)
        try:
            self._index = Index(self.root)
            self._open(progress)
        except BaseException:
            self._disk.close()
            raise

    def close(self) -> None:
        """Forget what could be undone, and let others collect."""
        with self._turn:
            self._disk.close()

    @property
    def classes(self) -> list[str]:
        """In the order of their keys."""
        with self._turn:
            return [place for place in self._pictures if place not in (REVIEW, REMOVED)]

    @property
    def waiting(self) -> int:
        """Images in the review queue."""
        return len(self._pictures[REVIEW])

    def add_class(self, name: object) -> str:
        """Make a class, unless it is there; returns its name.

        Raises:
            UsageError: the name can't be a class's, or there are too many.
            EdgecnnError: the folder can't be written.
        """
        with self._turn:
            text = class_names.checked(name, self.classes)
            if text not in self._pictures:
                if len(self.classes) >= MOST_CLASSES:
                    raise UsageError(f"There are {MOST_CLASSES} classes, which is the most that the page can hold.")
                self._disk.make(text)
                self._pictures[text] = {}
                self.version += 1
            return text

    def remove_class(self, name: str) -> None:
        """Remove an empty class.

        Raises:
            UsageError: it is not there, or has images.
        """
        with self._turn:
            self._check_place(name)
            if name == REVIEW or self._pictures[name]:
                raise UsageError(f"The class {name!r} has images. Move or delete them first.")
            with contextlib.suppress(OSError):  # something else may lie there
                (self.root / name).rmdir()
            del self._pictures[name]
            self.version += 1

    def add(
        self,
        place: str,
        picture: np.ndarray,
        *,
        action: str = "",
        said: Said | None = None,
        content: bytes = b"",
        suffix: str = ".jpg",
    ) -> str:
        """Store an image; returns `STORED` or `NEAR_DUPLICATE`.

        Args:
            place: a class, or `REVIEW`.
            picture: uint8 (height, width, 3), blue-green-red.
            action: images of one action are undone together.
            said: what a model says of it.
            content: the file, where the image comes from one; otherwise it is encoded as JPEG.
            suffix: of the file.

        Raises:
            UsageError: there is no such class, or the review queue is full.
            EdgecnnError: it can't be written.
        """
        sight = Sight.at(picture)
        with self._turn:
            self._check_place(place)
            there = self._pictures[place]
            if place == REVIEW and len(there) >= MOST_REVIEW:
                raise UsageError(f"The review queue has {MOST_REVIEW} images. Sort some of them first.")
            if not self.keep_near_duplicates and alike(sight.look, [each.sight.look for each in there.values()]):
                return NEAR_DUPLICATE
            name = self._disk.free_name(place, suffix)
            files.write_bytes(self.root / place / name, content or encoded(picture))
            stored = Picture(place, name, sight, said)
            there[stored.key] = stored
            self._index.append(stored)
            self._note(action, "taking", None, stored)
            return STORED

    def add_file(self, place: str, data: bytes, *, action: str = "", name: str = "the image") -> str:
        """Store an image file: as it is if it is a JPEG, PNG or WebP, otherwise as JPEG.

        Raises:
            PictureError: it is no image, damaged, or takes too much memory.
            EdgecnnError: see `add`.
        """
        suffix = _AS_THEY_ARE.get(checked_header(data, name).kind)
        picture = decode(data, name)
        return self.add(place, picture, action=action, content=data if suffix else b"", suffix=suffix or ".jpg")

    def move(self, keys: Sequence[str], place: str) -> int:
        """Move images to another class, or from the review queue into one; returns how many there were.

        Raises:
            UsageError: there is no such class.
            EdgecnnError: a file can't be moved.
        """
        with self._turn:
            self._check_place(place)
            return self._all_to(keys, place, "moving")

    def remove(self, keys: Sequence[str]) -> int:
        """Remove images; returns how many there were.

        Raises:
            EdgecnnError: a file can't be moved.
        """
        with self._turn:
            return self._all_to(keys, REMOVED, "deleting")

    def undo(self) -> str:
        """Take the latest change back; returns what that was, for people; empty where nothing is left.

        Raises:
            EdgecnnError: a file can't be moved.
        """
        with self._turn:
            while self._changes:
                change = self._changes.pop()
                done = 0
                for before, after in reversed(change.moves):
                    known = self._pictures.get(after.place, {}).get(after.key)
                    if known and (before is None or before.place in self._pictures):
                        self._relocate(known, before.place if before else REMOVED)
                        done += 1
                if done:
                    return f"{change.words} {counted(done, 'image')}"
            return ""

    def pictures(self, place: str = "") -> list[Picture]:
        """Those of a class or of the review queue, by default of all classes; the newest first."""
        with self._turn:
            if place:
                return list(self._pictures.get(place, {}).values())[::-1]
            found = [each for name in self.classes for each in self._pictures[name].values()]
        return sorted(found, key=lambda each: each.name, reverse=True)

    def counts(self) -> dict[str, int]:
        """Images of each class, in order."""
        with self._turn:
            return {name: len(self._pictures[name]) for name in self.classes}

    def path(self, key: str) -> Path | None:
        """The file of an image that is known; None for any other key."""
        with self._turn:
            known = any(key in there for place, there in self._pictures.items() if place != REMOVED)
        return self.root / key if known else None

    def _all_to(self, keys: Sequence[str], place: str, words: str) -> int:
        found = [there[key] for key in dict.fromkeys(keys) for there in self._pictures.values() if key in there]
        found = [each for each in found if each.place not in (place, REMOVED)]
        self._actions += 1
        for each in found:
            self._note(f"{words} {self._actions}", words, each, self._relocate(each, place))
        return len(found)

    def _relocate(self, picture: Picture, place: str) -> Picture:
        """Move a file, and what is known of it."""
        moved = Picture(place, self._disk.move(picture.key, place), picture.sight, picture.said)
        del self._pictures[picture.place][picture.key]
        self._pictures[place][moved.key] = moved
        self._index.append(moved)
        self.version += 1
        return moved

    def _note(self, action: str, words: str, before: Picture | None, after: Picture) -> None:
        """Remember a change; those of one action together."""
        if not action or not self._changes or self._changes[-1].action != action:
            self._changes.append(Change(action, words))
        self._changes[-1].moves.append((before, after))
        self.version += 1

    def _check_place(self, place: object) -> None:
        if not isinstance(place, str) or place == REMOVED or place not in self._pictures:
            listed = ", ".join(self.classes) or "none yet"
            raise UsageError(f"There is no class {str(place)[:60]!r}. Choose one of: {listed}; or add it.")

    def _open(self, progress: Progress) -> None:
        """Look at what is there; what an earlier run has seen is not looked at again."""
        classes, found = self._disk.found()
        self._pictures.update({name: {} for name in classes})
        known = self._index.read()
        for done, (place, name) in enumerate(found, 1):
            key = f"{place}/{name}"
            seen = self._index.find(key, known)
            try:
                sight, said = seen or (Sight.at(read_picture(self.root / key)), None)
            except PictureError:
                self.unreadable += 1
                continue
            self._pictures[place][key] = Picture(place, name, sight, said)
            if not seen:
                progress("look at the images", done, len(found))
        self._index.write([each for there in self._pictures.values() for each in there.values()])


def encoded(picture: np.ndarray) -> bytes:
    """JPEG of uint8 (height, width, 3), blue-green-red, in full size."""
    _, data = opencv().imencode(".jpg", picture, (opencv().IMWRITE_JPEG_QUALITY, _QUALITY))
    return bytes(data)

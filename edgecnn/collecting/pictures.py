"""The images that were collected, and what is remembered of them so that a folder is opened quickly again."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.collecting.sight import Sight
from edgecnn.core import files
from edgecnn.core.errors import RecordError
from edgecnn.runtime.model.json_text import parse_json
from edgecnn.runtime.regular_file import read_regular

HIDDEN = ".collect"
"""A folder that no data set is read from: the index, and what was removed until the end."""
REVIEW = ".review"
"""The place of images that wait for a person to sort them; hidden too."""
REMOVED = f"{HIDDEN}/removed"
_INDEX = f"{HIDDEN}/index.jsonl"
_MOST_INDEX_BYTES = 1 << 30


@dataclass(frozen=True)
class Said:
    """What a model said of an image: the label, and its probability (None for "none of these")."""

    label: str
    share: float | None = None


@dataclass(frozen=True)
class Picture:
    """A stored image.

    Attributes:
        place: its class, `REVIEW` or `REMOVED`: the folder below DATA.
        name: the file below that folder, with slashes.
        sight: what is seen of it.
        said: by the model, when it was taken; None without a model.
    """

    place: str
    name: str
    sight: Sight
    said: Said | None = None

    @property
    def key(self) -> str:
        """Its path below DATA, with slashes."""
        return f"{self.place}/{self.name}"

    @property
    def is_doubtful(self) -> bool:
        """Whether a model saw another class in it than a person."""
        return self.said is not None and self.place != REVIEW and self.said.label != self.place


class Index:
    """What is known of the images, in a file of JSON lines: a cache, of which nothing is missed when it is lost."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / _INDEX

    def find(self, key: str, known: dict[str, Any]) -> tuple[Sight, Said | None] | None:
        """What `read` found of an image, if that hasn't changed since."""
        values = known.get(key)
        if values is None or values.get("stamp") != self._stamp(key):
            return None
        sight, said = Sight.from_json(values.get("sight")), values.get("said")
        if sight is None:
            return None
        label, share = (said.get("label"), said.get("share")) if isinstance(said, dict) else (None, None)
        return sight, Said(label, share if isinstance(share, float) else None) if isinstance(label, str) else None

    def read(self) -> dict[str, Any]:
        """The latest line of each image, by its key."""
        known: dict[str, Any] = {}
        with contextlib.suppress(OSError):
            for line in read_regular(self._path, _MOST_INDEX_BYTES).splitlines():
                with contextlib.suppress(RecordError):  # the last one may be cut short
                    values = parse_json(line)
                    if isinstance(values, dict) and isinstance(values.get("key"), str):
                        known[values["key"]] = values
        return known

    def write(self, pictures: Iterable[Picture]) -> None:
        """Begin anew with these.

        Raises:
            EdgecnnError: the folder can't be written.
        """
        files.write_bytes(self._path, b"".join(map(self._line, pictures)))

    def append(self, picture: Picture) -> None:
        """Add one; where that fails, the image is looked at again when the folder is opened."""
        with contextlib.suppress(OSError), self._path.open("ab") as stream:
            stream.write(self._line(picture))

    def _line(self, picture: Picture) -> bytes:
        said = {"label": picture.said.label, "share": picture.said.share} if picture.said else None
        values = {"key": picture.key, "stamp": self._stamp(picture.key), "sight": picture.sight.to_json(), "said": said}
        return json.dumps(values).encode() + b"\n"

    def _stamp(self, key: str) -> list[int] | None:
        """Size and time of a file, by which another content is noticed."""
        with contextlib.suppress(OSError):
            found = (self._root / key).stat()
            return [found.st_size, found.st_mtime_ns]
        return None

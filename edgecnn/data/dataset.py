"""What a data set is: a sorted list of examples, each an image that is read when it is needed."""

from __future__ import annotations

import dataclasses
import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from edgecnn.core.errors import DataError, PictureError, UsageError
from edgecnn.core.files import sha256
from edgecnn.core.progress import Progress, silent
from edgecnn.runtime.regular_file import read_regular
from edgecnn.runtime.run.image_header import is_animated_gif, limit_bytes

if TYPE_CHECKING:
    import numpy as np

    from edgecnn.data.survey import Survey


class Example(Protocol):
    """One image with its class."""

    @property
    def name(self) -> str:
        """What identifies it to a person: a path relative to the data set, or a description."""

    @property
    def label(self) -> str | None:
        """The class as the data set calls it (folder name, manifest column), or None."""

    @property
    def annotation(self) -> Any:
        """What else the data set says of it, for its task (boxes, a number); None for nothing."""

    def read(self) -> np.ndarray:
        """The image, uint8 (height, width, 3), blue-green-red.

        Raises:
            PictureError: it can't be decoded.
        """

    def sha256(self) -> str:
        """Digest of its content; of its name if that can't be read, which `read` will report."""


@dataclass(frozen=True)
class FileExample:
    """An image file."""

    path: Path
    name: str
    label: str | None = None
    annotation: Any = None

    def read(self) -> np.ndarray:
        """See `Example.read`."""
        from edgecnn.runtime.run.preprocess import read_picture  # needs NumPy

        return read_picture(self.path)

    def sha256(self) -> str:
        """See `Example.sha256`."""
        try:
            return sha256(read_regular(self.path, limit_bytes()))
        except OSError:
            return sha256(f"unreadable: {self.name}".encode())

    def is_animated(self) -> bool:
        """Whether it is a GIF with several frames, of which `read` gives the first."""
        try:
            data = read_regular(self.path, limit_bytes())
            return data.startswith(b"GIF8") and is_animated_gif(data)
        except OSError:
            return False


class ListedExamples(Sequence[Example]):
    """Examples that are made when they are asked for, of a few bytes each: for sets of millions."""

    @abstractmethod
    def take(self, rows: Sequence[int]) -> ListedExamples:
        """Some of them, in this order."""

    @abstractmethod
    def survey(self, progress: Progress = silent) -> Survey:
        """What is seen of each, with its SHA-256; all are read once, by several processes, and the result is kept."""

    @property
    @abstractmethod
    def groups(self) -> np.ndarray:
        """int32 (count,), the file that each is in: what is in one file is read at once."""


@dataclass(frozen=True)
class DataSet:
    """Examples in a fixed order.

    Attributes:
        name: what the user called it.
        examples: sorted by name, or as they are stored; all of them have a label, or none has.
        classes: class names, sorted; empty when nothing is labeled.
        task: what its annotations are for; empty for labels, which are for classification.
        notes: what a person should know of it, in sentences: files that are passed over, folders that are left out.
        empty: class folders without images.
        splits: "train", "validation" and "test", where the data itself says which images are which.

    Raises:
        DataError: some have a label and some have none: no accuracy could be told of such a set.
    """

    name: str
    examples: Sequence[Example]
    classes: tuple[str, ...] = ()
    task: str = ""
    notes: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    splits: Mapping[str, DataSet] = field(default_factory=dict)

    def __post_init__(self) -> None:
        labeled = [example.label is not None or example.annotation is not None for example in self.examples]
        unlabeled = [example.name for example, known in zip(self.examples, labeled) if self.classes and not known]
        if unlabeled:
            raise DataError(
                f"{self.name}: {len(unlabeled)} of {len(self)} images have no label (the first is "
                f"{unlabeled[0]}). Label all images, or none."
            )

    def __len__(self) -> int:
        return len(self.examples)

    def sample(self, count: int, seed: int = 0) -> DataSet:
        """At most `count` examples, chosen by a seeded hash, balanced over the classes where there are any.

        The choice depends only on the names and the seed, so it is the same on every machine.

        Raises:
            UsageError: `count` is less than 1.
        """
        if count < 1:
            raise UsageError(f"{count} images of {self.name} were requested; expected at least 1.")
        if count >= len(self):
            return self
        queues = _queues(self.examples, seed)
        chosen: list[int] = []
        for place in range(max(map(len, queues))):
            chosen += [queue[place] for queue in queues if place < len(queue)]
            if len(chosen) >= count:
                break
        return self.take(sorted(chosen[:count]))

    def take(self, rows: Sequence[int]) -> DataSet:
        """The examples of some rows, with all else that is known of the set."""
        listed = self.examples
        found = listed.take(rows) if isinstance(listed, ListedExamples) else tuple(listed[row] for row in rows)
        return dataclasses.replace(self, examples=found, splits={})

    def with_examples(self, examples: Iterable[Example]) -> DataSet:
        """Some of its examples, with all else that is known of it."""
        return dataclasses.replace(self, examples=tuple(examples), splits={})

    def part(self, *splits: str) -> DataSet:
        """The first of these splits that the data itself has; all of it where it has none, or has none of these."""
        found = next((name for name in splits if name in self.splits), None)
        if found is None:
            return self
        counts = ", ".join(f"{name} ({len(data)})" for name, data in self.splits.items())
        chosen = self.splits[found]
        said = f"{self.name} has the splits {counts}; its {found} images are used."
        return dataclasses.replace(chosen, notes=tuple(dict.fromkeys((said, *self.notes, *chosen.notes))))

    def digests(self, progress: Progress = silent) -> tuple[str, ...]:
        """SHA-256 of each image, in order."""
        if isinstance(self.examples, ListedExamples):
            return tuple(digest.tobytes().hex() for digest in self.examples.survey(progress).digests)
        with ThreadPoolExecutor() as pool:
            return tuple(pool.map(lambda example: example.sha256(), self.examples))

    def digest(self) -> str:
        """One digest of all images and what is said of each: name, label, annotation, and split."""
        split_of = {example.name: split for split, part in self.splits.items() for example in part.examples}
        found = hashlib.sha256()
        for digest, example in zip(self.digests(), self.examples):
            said = (example.name, example.label, example.annotation, split_of.get(example.name, ""))
            found.update(f"{digest}  {said!r}\n".encode())
        return found.hexdigest()


def _queues(examples: Sequence[Example], seed: int) -> list[list[int]]:
    """Rows of each class's examples in hashed order; the classes in hashed order too, so that a cut favors none."""
    by_class: dict[str | None, list[int]] = {}
    for row, example in enumerate(examples):
        by_class.setdefault(example.label, []).append(row)
    labels = sorted(by_class, key=lambda label: _hash(f"class {label}", seed))
    return [sorted(by_class[label], key=lambda row: _hash(examples[row].name, seed)) for label in labels]


def _hash(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()


def readable(data: DataSet, skipped: Callable[[Example, PictureError], None]) -> Iterator[tuple[Example, np.ndarray]]:
    """Each example with its image; one that can't be read is reported and passed over.

    Raises:
        DataError: none could be read.
    """
    read = 0
    for example in data.examples:
        try:
            picture = example.read()
        except PictureError as error:
            skipped(example, error)
            continue
        read += 1
        yield example, picture
    if not read:
        raise DataError(
            f"None of the {len(data)} images of {data.name} can be read. Check the files, or give other images."
        )

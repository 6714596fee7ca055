"""The files below a folder: images, and what is passed over, by kind."""

from __future__ import annotations

import importlib.util
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.text import counted
from edgecnn.runtime.model import json_text
from edgecnn.runtime.run.image_header import HEIF_INSTALL, SUFFIXES

_HEIC = frozenset((".heic", ".heif", ".hif"))
_IMAGES = SUFFIXES | {".avif"}
_PASSED_OVER = {
    "RAW": (
        *(".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf"),
        *(".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f", ".3fr", ".iiq"),
    ),
    "video": (
        ".mp4",
        ".mov",
        ".avi",
        ".mkv",
        ".webm",
        ".m4v",
        ".3gp",
        ".mts",
        ".m2ts",
        ".mpg",
        ".mpeg",
        ".wmv",
        ".flv",
    ),
    "drawing": (".svg", ".ai", ".eps", ".psd", ".xcf", ".pdf"),
    "JPEG XL": (".jxl",),
}
_KIND_OF = {suffix: kind for kind, suffixes in _PASSED_OVER.items() for suffix in suffixes}
_JUNK = frozenset(
    (
        *("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found", "__pycache__"),
        *("thumbs.db", "desktop.ini", "icon\r", "ehthumbs.db"),
    )
)
HEIC, BROKEN_LINK, SPECIAL, NO_ENTRY = "HEIC", "broken link", "special file", "unreadable folder"


def is_junk(name: str) -> bool:
    """What systems and tools leave in folders: hidden files, `__MACOSX`, `Thumbs.db` and the like."""
    return name.startswith(".") or name.casefold() in _JUNK


def printable(name: str) -> str:
    """A file's name as text that can be printed, encoded and compared: composed, on one line, and in UTF-8."""
    return unicodedata.normalize("NFC", json_text.printable(name))


def kind_of(path: Path) -> str | None:
    """None for the name of an image that can be read; otherwise what is passed over, for people."""
    suffix = path.suffix.lower()
    if suffix in _HEIC:
        return None if importlib.util.find_spec("pillow_heif") else HEIC
    if suffix in _IMAGES:
        return None
    return _KIND_OF.get(suffix) or (f"{printable(suffix)} file" if suffix else "file without suffix")


@dataclass(frozen=True)
class Entries:
    """What a folder holds, sorted, without junk; links are followed.

    Attributes:
        folders: folders.
        images: files whose names are those of images.
        passed_over: how many of each kind are neither.
    """

    folders: tuple[Path, ...]
    images: tuple[Path, ...]
    passed_over: Counter[str]


def entries(folder: Path) -> Entries:
    """Look into a folder, not below it.

    Raises:
        OSError: it can't be opened.
    """
    folders, images = [], []
    passed_over: Counter[str] = Counter()
    with os.scandir(folder) as found:
        for entry in found:
            if is_junk(entry.name):
                continue
            if entry.is_dir():
                folders.append(Path(entry.path))
            elif not entry.is_file():
                passed_over[BROKEN_LINK if entry.is_symlink() else SPECIAL] += 1
            elif (kind := kind_of(Path(entry.name))) is None:
                images.append(Path(entry.path))
            else:
                passed_over[kind] += 1
    return Entries(tuple(sorted(folders)), tuple(sorted(images)), passed_over)


def images_below(folder: Path, passed_over: Counter[str], above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    """Image files at any depth; the others are counted by kind.

    Args:
        folder: where to look; links are followed, but for those that lead back to a folder above.
        passed_over: gets the counts.
        above: `identity` of the folders above.
    """
    try:
        if (here := identity(folder)) in above:
            return
        found = entries(folder)
    except OSError:
        passed_over[NO_ENTRY] += 1
        return
    passed_over.update(found.passed_over)
    yield from found.images
    for inner in found.folders:
        yield from images_below(inner, passed_over, above | {here})


def identity(folder: Path) -> tuple[int, int]:
    """Of a folder, whatever path leads to it."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def passed_over_sentence(name: str, counts: Mapping[str, int]) -> str:
    """For people: how many files are passed over, of which kinds, and what helps."""
    total = sum(counts.values())
    kinds = ", ".join(_counted_kind(kind, count) for kind, count in sorted(counts.items(), key=lambda row: -row[1]))
    return f"{name}: {counted(total, 'file')} passed over: {kinds}."


def _counted_kind(kind: str, count: int) -> str:
    words = f"{count:,} {kind}" if kind.isupper() or kind == "JPEG XL" or count == 1 else f"{count:,} {kind}s"
    remedies = {HEIC: f"to read: {HEIF_INSTALL}", "RAW": "save as JPEG", "video": "take frames"}
    remedy = remedies.get(kind)
    return f"{words} ({remedy})" if remedy else words

"""Exports: an artifact as a folder that another program uses as it is. One file per target in `kinds/`.

A file has `contents(file, options)`, which gives the files of the folder; the record of what was written is added here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from edgecnn.core import folders
from edgecnn.core.files import sha256
from edgecnn.core.options import options_kind
from edgecnn.core.registry import EXPORTS
from edgecnn.core.version import __version__
from edgecnn.runtime.model.validation import Record

if TYPE_CHECKING:
    from edgecnn.runtime.model.model_file import ModelFile


@dataclass(frozen=True)
class Contents:
    """What a target's folder holds.

    Attributes:
        files: name, with slashes between folders, -> content.
        notes: what the user should know, in sentences.
    """

    files: Mapping[str, bytes]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exported(Record):
    """A folder that was written.

    Attributes:
        target: a file of `edgecnn/exports/kinds/`.
        folder: its path.
        model: name of the artifact.
        model_sha256: digest of the artifact that it was made from.
        edgecnn: the version that wrote it.
        files: name -> SHA-256 of its content.
        notes: what the user should know, in sentences.
    """

    target: str
    folder: str
    model: str
    model_sha256: str
    edgecnn: str = __version__
    files: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class ExportKind(Protocol):
    """A file of `edgecnn/exports/kinds/`.

    Attributes:
        SUMMARY: what the folder is for, in a line; a literal, since help reads it from the source.

    A target with settings of its own declares a class `Options`, a dataclass of `edgecnn.core.options`.
    """

    SUMMARY: str

    def contents(self, file: ModelFile, options: Any) -> Contents:
        """The folder's files.

        Raises:
            UsageError: the artifact isn't what the target needs; the message says how to make one that is.
        """


def export(file: ModelFile, target: str, folder: str | Path, options: Any = None) -> Exported:
    """Write a folder for a target, whole or not at all; one that this function wrote is replaced.

    Args:
        file: the artifact, or an image classifier by others.
        target: a file of `edgecnn/exports/kinds/`.
        folder: where to write.
        options: the target's `Options`, where it has them.

    Raises:
        UsageError: there is no such target, the artifact doesn't suit it, or the folder holds something else.
        EdgecnnError: the folder can't be written.
    """
    plugin = EXPORTS.plugin(target, ExportKind)
    folders.check_ours(folder)
    found = plugin.contents(file, options if options is not None else options_kind(EXPORTS, target)())
    digests = {name: sha256(content) for name, content in sorted(found.files.items())}
    record = Exported(target, str(folder), file.name, file.sha256, files=digests, notes=found.notes)
    text = json.dumps({**record.to_dict(), "folder": Path(folder).name}, indent=2) + "\n"
    folders.write(folder, {**found.files, folders.MARK: text.encode()})
    return record

"""What a delegate is: a file of `kinds/` that reads its options, names its library and explains what goes wrong."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import UsageError
from ..model.tflite import TFLiteModel
from . import coral


@dataclass(frozen=True)
class DelegateSpec:
    """What was asked for.

    Attributes:
        kind: name of the file in `kinds/`.
        library: file or library name to load; empty where the interpreter needs none.
        options: handed to the library.
    """

    kind: str
    library: str = ""
    options: dict[str, str] = field(default_factory=dict)


class DelegateFile(Protocol):
    """A file of `edgecnn/runtime/delegates/kinds/`."""

    SYNTAX: str
    """How it is written on the command line, for messages."""

    def spec(self, argument: str, options: dict[str, str]) -> DelegateSpec:
        """What to load.

        Args:
            argument: what follows the name's colon.
            options: the comma-separated rest.

        Raises:
            UsageError: one of them is wrong.
        """


class DelegateKind(DelegateFile, Protocol):
    """The same with what a file may leave out."""

    @staticmethod
    def accepts(model: TFLiteModel) -> None:
        """Refuse a model that doesn't belong to the delegate, with a DelegateError. Here: none."""

    @staticmethod
    def library_file(asked: DelegateSpec) -> str:
        """What the system's loader is told; a DelegateError where there is no such file. Here: a name, not a path."""
        return asked.library

    @staticmethod
    def not_loaded(asked: DelegateSpec, reason: str) -> str:
        """Why a library can't be loaded, from the loader's own words."""
        if "wrong ELF class" in reason or "invalid ELF header" in reason:
            machine = platform.machine()
            return (
                f"The delegate library {asked.library} is built for another processor than this machine's, {machine} "
                f"({reason}). Install the library for {machine}."
            )
        return (
            f"Can't load the delegate library {asked.library}: {reason}. Install what is missing, or use "
            "--delegate cpu."
        )

    @staticmethod
    def refused(asked: DelegateSpec, reason: str) -> str:
        """Why a library that was loaded gave no delegate, from the library's own words."""
        said = f" It says: {reason.strip()}" if reason.strip() else " It gave no reason."
        given = ", ".join(f"{key}={value}" for key, value in asked.options.items()) or "none"
        return (
            f"The delegate {asked.library} failed to start (options: {given}).{said} Check its options, or use "
            "--delegate cpu."
        )

    @staticmethod
    def crashed(asked: DelegateSpec, reason: str) -> str:
        """What it means that a process that used the library was ended, by what is said in `reason`."""
        return (
            f"The TFLite runtime crashed with the delegate {asked.library or asked.kind} ({reason}). Install a version "
            "of the library that was built for this runtime, or use --delegate cpu."
        )


def is_compiled(model: TFLiteModel) -> bool:
    """Whether the Edge TPU's compiler made a model."""
    return any(operator.name == coral.CUSTOM_OPERATOR for graph in model.graphs for operator in graph.operators)


def pairs(text: str) -> dict[str, str]:
    """Options as they are written: `KEY=VALUE,KEY=VALUE`.

    Raises:
        UsageError: one of them is not KEY=VALUE.
    """
    found = [part.partition("=") for part in text.split(",") if part]
    if any(not key or not separator for key, separator, _ in found):
        raise UsageError(f"The delegate options are {text!r}; expected KEY=VALUE, separated by commas.")
    return {key: value for key, _, value in found}

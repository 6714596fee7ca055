"""What the arguments of commands may be: files of one kind, checked before anything is imported or loaded."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecnn.core.file_kind import Kind, kind_of
from edgecnn.core.registry import DELEGATES

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def model_names() -> list[str]:
    """What can be built; read when it is needed."""
    from edgecnn.models.catalog import names

    return names()


def device_names() -> list[str]:
    """This machine, browsers and phones, and the boards that `edgecnn devices list` lists."""
    from edgecnn.devices import known, unaddressed

    return [*unaddressed(), *known.entries()]


def data_names() -> list[str]:
    """Data sets that have a name."""
    from edgecnn.data.kind import named_sets

    return named_sets()


SUGGESTED: Mapping[str, Callable[[], Iterable[str]]] = {
    "DATA": data_names,
    "DEVICE": device_names,
    "DELEGATE": DELEGATES.names,
    "none|imagenet|FILE|timm:...|hf:...": lambda: ("none", "imagenet"),
}
"""Metavar of an option -> what a shell completes, beside files."""


def completed(choices: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Those of the choices that begin like a word that is being typed."""
    from click.shell_completion import CompletionItem  # only a shell's request needs it

    return [CompletionItem(choice) for choice in choices if choice.startswith(incomplete)]


class FileOf(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.2
    """A file of one kind or several. What is missing, damaged or of no known kind is left to the command.

    Args:
        accepts: names of `edgecnn.core.file_kind.Kind`, and "name" for the name of a model.
        expected: for messages, e.g. "a .tflite model".
        order: how the arguments of the command follow each other, for those who swap them.
    """

    name = "file"

    def __init__(self, accepts: tuple[str, ...], expected: str, order: str = "") -> None:
        self._accepts, self._expected, self._order = accepts, expected, order

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        kind = kind_of(value)
        if kind is None:
            self._refuse_name(str(value), param, ctx)
        elif kind.name not in self._accepts:
            sentences = (f"{value} is {kind.words}; expected {self._expected}.", self._order, self._remedy(value, kind))
            self.fail(" ".join(sentence for sentence in sentences if sentence), param, ctx)
        return value

    def _refuse_name(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> None:
        """The name of a model where a file is expected."""
        if "name" in self._accepts or Path(value).suffix or Path(value).exists() or value not in model_names():
            return
        steps = [f"edgecnn build {value} -o {value}.keras"]
        if "keras" not in self._accepts:
            steps.append(f"edgecnn quantize {value}.keras -o {value}.tflite")
        self.fail(
            f"{value} is the name of a model; expected {self._expected}. Create it with: {' && '.join(steps)}",
            param,
            ctx,
        )

    def _remedy(self, value: str, kind: Kind) -> str:
        if self._accepts == ("image",):
            return f"Give the images in the folder instead: {shlex.quote(value)}/*" if kind.name == "folder" else ""
        if kind.name in ("keras", "saved_model", "onnx", "pt2") and "tflite" in self._accepts:
            output = Path(value).with_suffix(".tflite").name
            return f"Convert it: edgecnn quantize {shlex.quote(value)} -o {shlex.quote(output)}"
        if kind.name == "tflite" and "keras" in self._accepts:
            return "The file is already converted: give the Keras model that it was made from."
        return f"Run it: edgecnn run {shlex.quote(value)}" if kind.name == "recipe" else kind.remedy

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Files, and the names of models where those are taken too."""
        from click.shell_completion import CompletionItem

        names = completed(model_names(), incomplete) if "name" in self._accepts else []
        return names or [CompletionItem(incomplete, type="file")]


_MODEL_FIRST = "The model comes first, then "
_ARTIFACT_FIRST = "The artifact comes first; the float model follows --against."
# A folder that is no SavedModel is left to the commands, which say what they expect in one.
TFLITE = FileOf(("tflite", "folder"), "a .tflite model")
TFLITE_AND_IMAGES = FileOf(("tflite", "folder"), "a .tflite model", f"{_MODEL_FIRST}the images.")
ARTIFACT = FileOf(("tflite", "folder"), "the .tflite artifact", _ARTIFACT_FIRST)
_FLOAT = ("keras", "saved_model", "tflite", "onnx", "pt2", "folder")
AGAINST = FileOf(_FLOAT, "the float model: .keras, .h5, a SavedModel, .tflite, .onnx or .pt2")
AGAINST_FLOAT = FileOf(_FLOAT, "the float model that the artifact was made from")
FLOAT = FileOf(_FLOAT, "a float model: .keras, .h5, a SavedModel folder, a float .tflite, .onnx or .pt2")
KERAS = FileOf(("keras", "saved_model", "folder"), "a Keras model: .keras, .h5 or a SavedModel folder")
ANY_MODEL = FileOf(("tflite", "keras", "saved_model", "folder", "name"), "a model: .tflite, .keras, .h5 or a name")
ANY_MODEL_AND_IMAGE = FileOf(
    ("tflite", "keras", "saved_model", "folder", "name"), "a .keras or .tflite model", f"{_MODEL_FIRST}the image."
)
IMAGE = FileOf(("image",), "an image", f"{_MODEL_FIRST}the images.")
RECIPE = FileOf(("recipe",), "a recipe, a .toml file")


class ModelName(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """The name of a model that can be built; the command itself refuses an unknown one."""

    name = "name"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Names that `edgecnn models` lists."""
        return completed(model_names(), incomplete)


class DeviceName(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """The name of a board, or an address."""

    name = "device"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Boards that have names."""
        return completed(device_names(), incomplete)

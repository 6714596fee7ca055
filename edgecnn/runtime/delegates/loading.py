"""Delegates: libraries that take operators off the processor's built-in kernels. Each kind is a file of `kinds/`."""

from __future__ import annotations

import ctypes
import importlib
import pkgutil
from typing import Any

from .. import compat
from ..errors import DelegateError, UsageError
from ..model.model_file import AnyFile
from ..model.tflite import TFLiteModel
from ..run.interpreter import failed_in_xnnpack, interpreter_module, quiet
from .kind import DelegateKind, DelegateSpec, pairs

_KINDS = f"{__package__}.kinds"


def parse(text: str) -> DelegateSpec:
    """Read a delegate as it is written on the command line: `NAME[:ARGUMENT][,KEY=VALUE...]`, or a library's path.

    Raises:
        UsageError: it is neither, or an option is wrong.
    """
    whole, _, options = text.partition(",")
    name, _, argument = whole.partition(":")
    if name in names():
        return _kind(name).spec(argument, pairs(options))
    if is_library(whole):
        return _kind("library").spec(whole, pairs(options))
    choices = ", ".join(_kind(known).SYNTAX for known in names())
    raise UsageError(f"Unknown delegate {text!r}. Choose one of: {choices}.")


def names() -> list[str]:
    """Every kind that this machine has a file of, sorted."""
    # pkgutil also looks into a zip: on a board the package runs from one.
    return sorted(module.name for module in pkgutil.iter_modules(importlib.import_module(_KINDS).__path__))


def is_library(text: str) -> bool:
    """Whether a text is a path and no kind's name."""
    return "/" in text or ".so" in text or text.endswith((".dylib", ".dll"))


def load(text: str = "cpu", model: TFLiteModel | None = None) -> list[Any]:
    """The delegate objects for an interpreter; none for "cpu".

    Args:
        text: as for `parse`.
        model: what will run; where it is given, a model and a delegate that don't belong together are refused.

    Raises:
        UsageError: the text is no delegate.
        DelegateError: the library or its device can't be used, or the model isn't compiled for it; says what to do.
    """
    spec = parse(text)
    if model is not None:
        _asked(spec, "accepts")(model)
    if not spec.library:
        return []
    library = _checked_library(spec)
    module = interpreter_module()
    try:
        with quiet():
            return [_quiet_delegate(module)(library, spec.options)]
    except ValueError as error:  # the library returned no delegate
        raise DelegateError(_asked(spec, "refused")(spec, str(error))) from None


def explained_crash(text: str, reason: str) -> str:
    """What it means that a process that used a delegate was ended; `reason` says by what."""
    spec = parse(text)
    return str(_asked(spec, "crashed")(spec, reason))


def taken_operators(file: AnyFile, text: str, threads: int | None = None) -> tuple[set[int], set[int]]:
    """The numbers of the operators that a delegate takes, and of those that any takes (LiteRT's XNNPACK comes last).

    Raises:
        DelegateError: as for `load`.
        AttributeError: the runtime doesn't list its nodes; the listing is private to it.
    """
    with quiet():
        interpreter = interpreter_module().Interpreter(
            model_content=file.data, num_threads=threads, experimental_delegates=load(text, file.model)
        )
        asked = _inside_delegates(interpreter, file.model)
        try:
            interpreter.allocate_tensors()
        except RuntimeError as error:
            if not failed_in_xnnpack(error):
                raise
            return asked, asked
        return asked, _inside_delegates(interpreter, file.model)


def _inside_delegates(interpreter: Any, model: TFLiteModel) -> set[int]:
    """Walk from each delegate node's outputs back to its inputs: what lies between is what it replaced."""
    makers = {number: operator for operator in model.graph.operators for number in operator.outputs}
    inside: set[int] = set()
    for node in compat.nodes(interpreter):
        if node["op_name"] != "DELEGATE":
            continue
        borders, open_ends = {int(number) for number in node["inputs"]}, [int(number) for number in node["outputs"]]
        while open_ends:
            maker = makers.get(open_ends.pop())
            if maker is None or maker.index in inside:
                continue
            inside.add(maker.index)
            open_ends += [number for number in maker.inputs if number not in borders]
    return inside


def _kind(name: str) -> Any:
    return importlib.import_module(f"{_KINDS}.{name}")


def _asked(spec: DelegateSpec, function: str) -> Any:
    """A function of the delegate's file, or the default of its protocol."""
    return getattr(_kind(spec.kind), function, getattr(DelegateKind, function))


def _checked_library(spec: DelegateSpec) -> str:
    """Load the library once by itself: the runtime's own loader prints noise when that fails."""
    path: str = _asked(spec, "library_file")(spec)
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise DelegateError(_asked(spec, "not_loaded")(spec, str(error))) from None
    missing = [name for name in ("create", "destroy") if not hasattr(library, f"tflite_plugin_{name}_delegate")]
    if missing:
        raise DelegateError(
            f"{path} is a library, but not a TFLite delegate: it does not export "
            f"tflite_plugin_{missing[0]}_delegate. Give a delegate library."
        )
    return path


def _quiet_delegate(module: Any) -> Any:
    """The runtime's delegate class, except that one that never came to life is not destroyed."""

    class QuietDelegate(module.Delegate):  # type: ignore[misc]
        def __del__(self) -> None:
            if compat.is_alive(self):
                super().__del__()

    return QuietDelegate

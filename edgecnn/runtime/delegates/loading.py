"""Delegates: libraries that take operators off the processor's built-in kernels.

cpu                                 none; LiteRT's own XNNPACK kernels
edgetpu[:usb|:pci|:N|:usb:N|:pci:N][,power=low|medium|high|max]
PATH.so[,KEY=VALUE...]              any TFLite external delegate
"""

from __future__ import annotations

import ctypes
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import compat
from ..errors import DelegateError, UsageError
from ..model.model_file import ModelFile
from ..model.tflite import TFLiteModel
from ..run.engine import interpreter_module, quiet
from . import coral

EDGETPU_POWER = ("low", "medium", "high", "max")
CHOICES = "cpu, edgetpu[:usb|:pci|:N][,power=low|medium|high|max], or a delegate library (PATH.so[,KEY=VALUE...])"


@dataclass(frozen=True)
class DelegateSpec:
    """What was asked for.

    Attributes:
        kind: "cpu", "edgetpu" or "library".
        library: file or library name to load; empty for "cpu".
        options: handed to the library.
    """

    kind: str
    library: str = ""
    options: dict[str, str] = field(default_factory=dict)

    @property
    def bus(self) -> str:
        """The Edge TPU's bus, where one was asked for."""
        return self.options.get("device", "").split(":")[0]


def parse(text: str) -> DelegateSpec:
    """Read a delegate as it is written on the command line.

    Raises:
        UsageError: it is none of the forms above.
    """
    name, _, rest = text.partition(",")
    options = _options(rest, text)
    if name == "cpu" and not options:
        return DelegateSpec("cpu")
    kind, _, device = name.partition(":")
    if kind == "edgetpu":
        library = coral.LIBRARIES.get(sys.platform, coral.LIBRARIES["linux"])
        return DelegateSpec("edgetpu", library, {**_edgetpu_device(device, text), **_edgetpu_options(options, text)})
    if name.endswith((".so", ".dylib", ".dll")) or ".so." in name:
        return DelegateSpec("library", name, options)
    raise UsageError(f"Unknown delegate {text!r}. Choose one of: {CHOICES}.")


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
        check_model(spec, model)
    if spec.kind == "cpu":
        return []
    library = _find_library(spec)
    module = interpreter_module()
    try:
        with quiet():
            return [_quiet_delegate(module)(library, spec.options)]
    except ValueError as error:  # the library returned no delegate
        raise DelegateError(_explain(spec, str(error))) from None


def check_model(spec: DelegateSpec, model: TFLiteModel) -> None:
    """Refuse a compiled model without its delegate, and the Edge TPU for a model that is not compiled for it.

    Raises:
        DelegateError: they don't belong together.
    """
    compiled = any(operator.name == coral.CUSTOM_OPERATOR for graph in model.graphs for operator in graph.operators)
    if compiled and spec.kind == "cpu":
        raise DelegateError(
            "The model is compiled for a Coral Edge TPU and can't run on the processor. Use --delegate edgetpu, or "
            "use the file that it was compiled from."
        )
    if spec.kind == "edgetpu" and not compiled:
        raise DelegateError(
            "The model is not compiled for the Edge TPU; all of it would run on the processor. Compile it first: "
            "edgecnn compile MODEL.tflite --target edgetpu"
        )


def taken_operators(file: ModelFile, text: str, threads: int | None = None) -> tuple[set[int], set[int]]:
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
        interpreter.allocate_tensors()
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


def _options(text: str, whole: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",") if part]
    if any(not key or not separator for key, separator, _ in pairs):
        raise UsageError(f"Delegate {whole!r}: expected options as KEY=VALUE, separated by commas.")
    return {key: value for key, _, value in pairs}


def _edgetpu_device(device: str, whole: str) -> dict[str, str]:
    bus, _, number = device.partition(":")
    if not device:
        return {}
    if device.isdigit():
        return {"device": f":{device}"}
    if bus in ("usb", "pci") and (not number or number.isdigit()):
        return {"device": device}
    raise UsageError(f"Delegate {whole!r}: expected edgetpu, edgetpu:usb, edgetpu:pci or edgetpu:N (the N-th, from 0).")


def _edgetpu_options(options: dict[str, str], whole: str) -> dict[str, str]:
    """`power` is libedgetpu's "Performance", its clock; other options keep libedgetpu's own names."""
    power = options.pop("power", None)
    if power is None:
        return options
    if power not in EDGETPU_POWER:
        raise UsageError(f"Delegate {whole!r}: power is {power!r}; expected one of {', '.join(EDGETPU_POWER)}.")
    return {**options, "Performance": power.capitalize()}


def _find_library(spec: DelegateSpec) -> str:
    """Load the library once by itself: the runtime's own loader prints noise when that fails."""
    path = spec.library
    if spec.kind == "library":
        path = str(Path(path).expanduser().absolute())
        if not Path(path).is_file():
            raise DelegateError(f"There is no delegate library {path}.")
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise DelegateError(_not_loaded(spec, str(error))) from None
    missing = [name for name in ("create", "destroy") if not hasattr(library, f"tflite_plugin_{name}_delegate")]
    if missing:
        raise DelegateError(
            f"{path} is a library, but not a TFLite delegate: it doesn't export tflite_plugin_{missing[0]}_delegate."
        )
    return path


def _not_loaded(spec: DelegateSpec, reason: str) -> str:
    if spec.kind == "edgetpu" and "cannot open shared object file" in reason and spec.library in reason:
        return f"The Edge TPU's library {spec.library} is not installed on this machine; {coral.INSTALL_RUNTIME}."
    if "wrong ELF class" in reason or "invalid ELF header" in reason:
        machine = os.uname().machine if hasattr(os, "uname") else "this machine"
        return f"{spec.library} is built for another kind of processor than this {machine} ({reason})."
    return f"Can't load the delegate library {spec.library}: {reason}."


def _explain(spec: DelegateSpec, reason: str) -> str:
    if spec.kind == "edgetpu":
        return coral.explain(coral.find(), spec.bus)
    said = f" It says: {reason.strip()}" if reason.strip() else " It gave no reason."
    given = ", ".join(f"{key}={value}" for key, value in spec.options.items()) or "none"
    return f"The delegate {spec.library} refused to start (options: {given}).{said}"


def _quiet_delegate(module: Any) -> Any:
    """The runtime's delegate class, except that one that never came to life is not destroyed."""

    class QuietDelegate(module.Delegate):  # type: ignore[misc]
        def __del__(self) -> None:
            if compat.is_alive(self):
                super().__del__()

    return QuietDelegate

"""Coral Edge TPU: a model that `edgecnn compile` made, through libedgetpu.

Argument: `usb`, `pci`, `usb:N`, `pci:N` or `N` (the N-th of all, from 0). Options: `power=low|medium|high|max` (the
accelerator's clock; the USB stick gets hot at `max`), and libedgetpu's own `Usb.AlwaysDfu` (True, False) and
`Usb.MaxBulkInQueueLength` (0 to 255).
"""

from __future__ import annotations

from ...errors import DelegateError, UsageError
from ...model.tflite import TFLiteModel
from .. import coral, libedgetpu
from ..kind import DelegateKind, DelegateSpec, is_compiled

SYNTAX = "edgetpu[:usb|:pci|:N][,power=low|medium|high|max]"
# What the loaders of Linux, macOS and Windows say.
_MISSING = ("cannot open shared object file", "no such file", "Could not find module")
POWER = ("low", "medium", "high", "max")


def spec(argument: str, options: dict[str, str]) -> DelegateSpec:
    """libedgetpu with the device and the clock that were asked for."""
    return DelegateSpec("edgetpu", libedgetpu.NAME, {**_device(argument), **_options(options)})


def accepts(model: TFLiteModel) -> None:
    """A model that the compiler made; any other would run on the processor."""
    if not is_compiled(model):
        raise DelegateError(
            "The model is not compiled for the Edge TPU, so all of it would run on the processor. Compile it "
            "first: edgecnn compile MODEL.tflite --target edgetpu"
        )


def not_loaded(asked: DelegateSpec, reason: str) -> str:
    """Where to get libedgetpu from, if it isn't there."""
    if asked.library in reason and any(words in reason for words in _MISSING):
        return f"The Edge TPU's library {asked.library} is not installed on this machine; {libedgetpu.INSTALL}."
    return DelegateKind.not_loaded(asked, reason)


def crashed(asked: DelegateSpec, reason: str) -> str:
    """Most likely Coral's own library met a runtime that is newer."""
    return libedgetpu.explained_crash(reason)


def refused(asked: DelegateSpec, reason: str) -> str:
    """libedgetpu gives no reason; the plugged-in devices do."""
    return coral.explain(coral.find(), asked.options.get("device", "").split(":")[0])


def _device(argument: str) -> dict[str, str]:
    bus, _, number = argument.partition(":")
    if not argument:
        return {}
    if argument.isdigit():
        return {"device": f":{argument}"}
    if bus in ("usb", "pci") and (not number or number.isdigit()):
        return {"device": argument}
    raise UsageError(
        f"The delegate is 'edgetpu:{argument}'; expected edgetpu, edgetpu:usb, edgetpu:pci or edgetpu:N (the "
        "Edge TPU number N, from 0)."
    )


def _options(options: dict[str, str]) -> dict[str, str]:
    """`power` is libedgetpu's "Performance", its clock; other options keep libedgetpu's own names."""
    power = options.get("power")
    if power is None:
        return options
    if power not in POWER:
        raise UsageError(f"The option power of the delegate edgetpu is {power!r}; expected one of {', '.join(POWER)}.")
    others = {key: value for key, value in options.items() if key != "power"}
    return {**others, "Performance": power.capitalize()}

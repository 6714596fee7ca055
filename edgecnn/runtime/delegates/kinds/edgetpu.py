"""Coral Edge TPU: a model that `edgecnn compile` made, through libedgetpu.

Argument: `usb`, `pci`, `usb:N`, `pci:N` or `N` (the N-th of all, from 0). Options: `power=low|medium|high|max` (the
accelerator's clock; the USB stick gets hot at `max`), and libedgetpu's own `Usb.AlwaysDfu` (True, False) and
`Usb.MaxBulkInQueueLength` (0 to 255).
"""

from __future__ import annotations


def resolve(argument: str, options: str) -> str:
    """The device's text; argument and options are checked there."""
    return "edgetpu" + (f":{argument}" if argument else "") + (f",{options}" if options else "")

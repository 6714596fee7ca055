"""A browser and its machine, with the keys of `runtime.measure.system`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgecnn.core.text import counted
from edgecnn.devices import answer_records
from edgecnn.devices.browser.place import Place
from edgecnn.devices.browser.records import Described
from edgecnn.devices.browser.user_agent import browser_of, system_of
from edgecnn.runtime.measure import system

UNKNOWN: dict[str, Any] = answer_records.Conditions(None, None, None, None, (), None, None).to_dict()
"""The conditions of a machine that a page can't look at."""


def describe(place: Place, told: Described, litertjs: str, threads: Sequence[int]) -> dict[str, Any]:
    """As `runtime.measure.system.describe()`, with two keys more: browser and user_agent.

    Args:
        place: where the browser is.
        told: what the page says.
        litertjs: its version.
        threads: that models ran with.
    """
    machine = system.describe() if place.HERE else _elsewhere(told)
    counts = " and ".join([", ".join(map(str, threads[:-1])), counted(threads[-1], "thread")][len(threads) == 1 :])
    return {
        **machine,
        **place.about(),
        "python": None,
        "glibc": None,
        "runtime": f"LiteRT.js {litertjs}, WebAssembly, XNNPACK, {counts}",
        "browser": browser_of(told.user_agent),
        "user_agent": told.user_agent,
    }


def conditions(place: Place) -> dict[str, Any]:
    """As `runtime.measure.system.conditions()`; a page can't look at another machine's."""
    return system.conditions() if place.HERE else dict(UNKNOWN)


def _elsewhere(told: Described) -> dict[str, Any]:
    """A machine of which only the page is known; the code runs on WebAssembly's 32 bits, whatever is below."""
    name = " ".join(part for part in (told.platform, told.platform_version) if part)
    return {
        "board": told.model or None,
        "cpu": told.architecture or None,
        "machine": "wasm32",
        "bits": 32,
        "cores": told.cores,
        "cores_usable": told.cores,
        "memory_bytes": None,
        "os": name or system_of(told.user_agent),
        "governor": None,
        "max_clock_mhz": None,
        "emulated": False,
    }

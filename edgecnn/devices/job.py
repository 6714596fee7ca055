"""A job of `edgecnn.runtime` in a child process, here or over ssh: its command line, its limits, its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from edgecnn.core import errors
from edgecnn.devices import answers
from edgecnn.devices.child import Answer, Limits
from edgecnn.runtime.process.limits import measuring_s

SILENCE_S = 120.0
"""A board whose job sends no beat for so long is gone: many times what a Pi may take to start Python."""
_START_S = 300.0
_INSTALL_S = 3600.0
_DEFAULTS = {"wait": 600.0, "budget": 60.0, "seconds": 60.0}  # of `edgecnn.runtime`


def arguments(job: str, paths: Sequence[str], names: Sequence[str], options: Mapping[str, Any]) -> list[str]:
    """The command line of `edgecnn.runtime`; options that are None are left to their defaults there."""
    words = [job]
    for path, name in zip(paths, names):
        words += [f"--model={path}", f"--name={name}"]
    for key, value in options.items():
        if value is None:
            continue
        text = (
            json.dumps(value) if isinstance(value, dict) else ",".join(map(str, value)) if _many(value) else str(value)
        )
        words.append(f"--{key}={text}")
    return words


def _many(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def limits(job: str, device: str, options: Mapping[str, Any]) -> Limits:
    """How long a job may take by what it was asked for; the device's own limits come first, so this is for one that
    doesn't keep them.
    """
    wait_s, budget_s, seconds = (float(options.get(key) or value) for key, value in _DEFAULTS.items())
    counts = options.get("threads")
    one_s = measuring_s(budget_s)
    work_s = {
        "info": 0.0,
        "check": 0.0,
        "install": _INSTALL_S,
        "measure": wait_s + one_s * (len(counts) if _many(counts) else 1),  # type: ignore[arg-type]
        "sustained": wait_s + one_s + seconds,
    }
    return Limits(device, f"`{job}` ran", _START_S + work_s.get(job, wait_s + one_s), SILENCE_S)


def result(job: str, answer: Answer, device: str) -> dict[str, Any]:
    """The job's checked values.

    Raises:
        EdgecnnError: what the job raised, of the same kind.
        CrashError: the child ended without an answer.
        DeviceError: the answer makes no sense.
    """
    if not answer.stdout.strip():
        last = answer.stderr.strip().splitlines()[-1:] or ["it printed no message"]
        raise errors.CrashError(f"The measuring process ended with status {answer.status} and no result: {last[0]}")
    return answers.read(job, answer.stdout, device)

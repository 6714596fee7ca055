"""What a board says of its deployments, checked like every answer of a board."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from edgecnn.core.errors import DeviceError
from edgecnn.devices.answer_records import Count, Text
from edgecnn.devices.answers import checked, parsed, problem
from edgecnn.runtime.model.validation import Length, Record
from edgecnn.runtime.run.golden import GoldenResult

_WHAT = "`deploy`"


@dataclass(frozen=True)
class State(Record):
    """A deployment on a board.

    Attributes:
        name: of the deployment.
        system: whether it is a service of the system.
        state: systemd's: active, activating, inactive, failed; or removed.
        detail: what the service says of itself.
        since: when it came up.
        restarts: how often systemd has started it again by itself.
        version: digest of the version that is current.
        model: name of its model.
        previous: digest of the version before, empty if there is none.
        on_trial: whether the version has not come up yet, and the one before waits.
        at_boot: whether it starts at boot.
    """

    name: Text
    system: bool
    state: Text
    detail: Text = ""
    since: Text = ""
    restarts: Count = 0
    version: Text = ""
    model: Text = ""
    previous: Text = ""
    on_trial: bool = False
    at_boot: bool = False


@dataclass(frozen=True)
class _States(Record):
    deployments: Annotated[tuple[State, ...], Length(1000)]


def state(text: str, device: str) -> State:
    """The answer to a change.

    Raises:
        EdgecnnError: what the board raised.
        DeviceError: the answer makes no sense.
    """
    found: State = checked(State, _values(text, device), _WHAT, device)
    return found


def states(text: str, device: str) -> tuple[State, ...]:
    """The answer to `list`. Errors as of `state`."""
    found: _States = checked(_States, _values(text, device), _WHAT, device)
    return found.deployments


def replayed(text: str, device: str) -> GoldenResult:
    """The answer to `replay`. Errors as of `state`."""
    found: GoldenResult = checked(GoldenResult, _values(text, device), _WHAT, device)
    return found


def _values(text: str, device: str) -> object:
    values = parsed(text, _WHAT, device)
    if isinstance(values, dict) and "error" in values:
        error = problem(values["error"], device)
        raise type(error)(f"{device}: {error}")
    if not isinstance(values, dict):
        raise DeviceError(f"{device} answered {_WHAT} with {type(values).__name__}; expected an object.")
    return values

"""What `edgecnn deploy` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from edgecnn.camera.settings import DemoOptions
    from edgecnn.deployment.deploying import Outcome


def deploy(
    options: DemoOptions, devices: str | Sequence[str], *, name: str = "camera", system: bool = False
) -> list[Outcome]:
    """Run a model on the cameras of boards as a service, from boot on; an update that fails goes back.

    Args:
        options: `edgecnn.camera.settings.DemoOptions`: model, source, sinks and rule; source and delegate are the
            board's.
        devices: boards: names from `edgecnn.list_devices`, `[user@]host[:port]`, or "local".
        name: of the deployment; its unit is `edgecnn-NAME.service`.
        system: a service of the system, as a user of its own, instead of one of the board's user; needs `sudo -n`
            there.

    Returns:
        One outcome per board; an error on one, in its `error`, doesn't stop the others.

    Raises:
        EdgecnnError: the model or an option is wrong, before any board is asked.
    """
    from edgecnn.deployment.deploying import deploy as stage
    from edgecnn.deployment.settings import Target

    return stage(options, Target(device=_several(devices), name=name, system=system))


def control_deployment(
    action: str, devices: str | Sequence[str], *, name: str = "camera", system: bool = False
) -> list[Outcome]:
    """Start, stop, roll back or remove a deployment.

    Args:
        action: "start", "stop", "rollback" or "remove".
        devices: as of `deploy`.
        name: of the deployment.
        system: whether it is a service of the system.

    Raises:
        UsageError: there is no such action.
    """
    from edgecnn.deployment.deploying import ACTIONS, control
    from edgecnn.deployment.settings import Target

    if action not in ACTIONS:
        raise UsageError(f"action is {action!r}; expected one of {', '.join(ACTIONS)}.")
    return control(action, Target(device=_several(devices), name=name, system=system))


def list_deployments(devices: str | Sequence[str]) -> list[Outcome]:
    """What runs on boards: one outcome per board, with all its deployments.

    Args:
        devices: as of `deploy`.
    """
    from edgecnn.deployment.deploying import list_deployments as stage
    from edgecnn.deployment.settings import Boards

    return stage(Boards(device=_several(devices)))


def write_container(options: DemoOptions, folder: str | Path) -> list[str]:
    """Write a folder to build a container of the same service from; returns the names of its files.

    Args:
        options: as of `deploy`.
        folder: its path.

    Raises:
        UsageError: an option makes no sense for a service, or something else is in the folder's place.
        EdgecnnError: a file can't be read or written.
    """
    from edgecnn.deployment.container import write

    return write(options, folder)


def _several(devices: str | Sequence[str]) -> tuple[str, ...]:
    return (devices,) if isinstance(devices, str) else tuple(devices)

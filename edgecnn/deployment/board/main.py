"""Entry of the program that a deployment puts on a board.

`serve` is the service. `manage` reads a request, a line of JSON, and answers with one; notes and errors are those of
`edgecnn.runtime`. It goes on when whoever asked is gone: a change that has begun ends, with the new version or the old.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecnn.core.errors import DeviceError, EdgecnnError
from edgecnn.runtime.portable.signals import ENDING
from edgecnn.runtime.process.supervise import NOTE

LIST = "list"
REPLAY = "replay"
CHANGES = ("install", "rollback", "start", "stop", "status", "remove")


def main() -> int:
    """Run what the first argument names; returns the exit status."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.argv[1:] == ["serve"]:
        from edgecnn.deployment.board.service import serve

        return serve()
    return _manage()


def _manage() -> int:
    for number in ENDING:  # a handler, because children would inherit that a signal is ignored
        signal.signal(number, lambda *received: None)
    os.umask(0o022)  # what is private says so itself; a service of the system reads the rest as another user
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no answer
    status, request = 0, json.loads(sys.stdin.buffer.readline())
    try:
        found = _answer(request)
    except EdgecnnError as error:
        status, found = 1, {"error": {"kind": type(error).__name__, "message": str(error)}}
    with contextlib.suppress(OSError):
        answers.write(json.dumps(found) + "\n")
        answers.close()
    return status


def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    if request["action"] == REPLAY:
        from edgecnn.deployment.board.replay import replay

        return replay(request)
    from edgecnn.deployment.board.change import Deployment
    from edgecnn.deployment.board.places import places

    if request["action"] == LIST:
        found = [(name, system) for system in (False, True) for name in _names(places("any", system).base)]
        return {"deployments": [Deployment(places(*each)).status() for each in found]}
    if request["action"] not in CHANGES:
        raise DeviceError(f"The board doesn't know the request {request['action']!r}.")
    deployment = Deployment(places(request["name"], request["system"]), _note)
    action = getattr(deployment, request["action"])
    answer: dict[str, Any] = action(request) if request["action"] == "install" else action()
    if request["action"] == "remove":
        Path(sys.argv[0]).unlink(missing_ok=True)  # this program; nothing more is imported from it
    return answer


def _names(base: Path) -> list[str]:
    from edgecnn.deployment.board.store import CURRENT

    with contextlib.suppress(OSError):
        return sorted(each.name for each in base.iterdir() if (each / CURRENT).is_symlink())
    return []


def _note(text: str) -> None:
    with contextlib.suppress(OSError):
        print(f"{NOTE}{text}", file=sys.stderr, flush=True)

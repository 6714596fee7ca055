"""The service: the demo without a page, whose watchdog notices when no answers come any more."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from pathlib import Path

from edgecnn.camera.capture import LOST
from edgecnn.camera.demo import Demo
from edgecnn.camera.settings import DemoOptions
from edgecnn.camera.sink_choice import with_paths
from edgecnn.core.errors import EdgecnnError
from edgecnn.core.option import Option
from edgecnn.core.text import to_stderr
from edgecnn.deployment.board import notify
from edgecnn.deployment.board.unit import CREDENTIALS, WATCHDOG_S

OPTIONS = "options.json"
_LOOK_S = 1.0
_BEAT_S = 5.0
_HUNG = 70


def serve() -> int:
    """Answer until a signal comes; everything that is read lies in the working folder. Returns the exit status."""
    try:
        options = placed(DemoOptions.from_json(Path(OPTIONS).read_bytes()))
        demo = Demo(options, write=print)
        to_stderr(f"{demo.file.contract.name} looks at {demo.source}, delegate {options.delegate}.")
        Heart(demo).start()
        summary = demo.run()
    except EdgecnnError as error:
        notify.tell(f"STATUS={error}")
        to_stderr(f"Error: {error}")
        return error.exit_status
    finally:
        notify.tell("STOPPING=1")
    to_stderr(
        f"Ended ({summary['ended']}) after {summary['seconds']:.0f} s, {summary['counts']['inferred']:,} answers."
    )
    return 0


def placed(options: DemoOptions) -> DemoOptions:
    """The options with the files of sinks where this service has them: secrets, and the folder that it writes to."""
    secrets = Path(os.environ.get("CREDENTIALS_DIRECTORY") or CREDENTIALS)
    cache = Path(os.environ.get("CACHE_DIRECTORY") or ".")

    def place(declared: Option, path: str) -> str:
        return str((cache if declared.writes else secrets) / path)

    return dataclasses.replace(options, sinks=tuple(with_paths(text, place) for text in options.sinks))


class Heart(threading.Thread):
    """Tells the service manager that the first answer has come, and from then on that more come.

    A camera that is away counts as alive, because the demo itself looks for it. Where no manager watches (in a
    container), a demo that hangs ends the process, for whoever starts it again.
    """

    def __init__(self, demo: Demo) -> None:
        super().__init__(name="heart", daemon=True)
        self._demo = demo
        watched_s = notify.watchdog_s()
        self._watched, self._patience_s = watched_s is not None, watched_s or float(WATCHDOG_S)

    def run(self) -> None:
        """The thread's whole life."""
        answered, ready = 0, False
        heard_at = beaten_at = time.monotonic()
        while True:
            time.sleep(_LOOK_S / 4 if not ready else _LOOK_S)
            status, now = self._demo.status(), time.monotonic()
            count = int(status["counts"]["inferred"])
            if count > answered or (ready and status["state"] == LOST):
                answered, heard_at = count, now
            if count and not ready:
                ready, beaten_at = True, now
                notify.tell("READY=1", f"STATUS={self._sentence(status)}")
            elif ready and heard_at > beaten_at and now - beaten_at > min(_BEAT_S, self._patience_s / 4):
                beaten_at = now
                notify.tell("WATCHDOG=1", f"STATUS={self._sentence(status)}")
            elif ready and not self._watched and now - heard_at > self._patience_s:
                to_stderr("No answers come any more: the service ends.")
                os._exit(_HUNG)

    def _sentence(self, status: dict[str, object]) -> str:
        if status["state"] == LOST:
            return f"The camera is away: {status['message']}"
        return f"{self._demo.source}: {status['fps']} answers a second"

"""The demo at the other end of ssh: reads its options from standard input, tells what happens on standard output.

Each line there is a JSON object with one key: `ready` (source, port, notes), `line` (an answer, where lines are asked
for), `note` (a sentence), `correction` (an image, and what it is), `summary` or `error`. The demo ends when standard
input ends or is silent for `SILENCE_S`: then whoever looked has gone, and nothing may be left running here.
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any

from edgecnn.camera.corrections import SentHome
from edgecnn.camera.demo import Demo
from edgecnn.camera.settings import DemoOptions
from edgecnn.core.errors import EdgecnnError
from edgecnn.runtime.portable import processes

SILENCE_S = 30.0


def main() -> int:
    """Run one demo; returns the exit status."""
    with open(0, "rb", buffering=0, closefd=False) as unbuffered:  # the rest belongs to `_watch_input`
        first = unbuffered.readline()
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed, by us or by a library, is no event

    turn = threading.Lock()  # sinks tell from threads of their own

    def tell(**event: Any) -> None:
        with turn:
            events.write(json.dumps(event) + "\n")
            events.flush()

    try:
        options = DemoOptions.from_json(first)
        demo = Demo(
            options, lambda line: tell(line=json.loads(line)), lambda note: tell(note=note), corrections=SentHome(tell)
        )
        threading.Thread(target=_watch_input, args=(demo,), daemon=True).start()
        ready = {"source": demo.source, "port": demo.port, "notes": list(demo.file.contract.assumed)}
        tell(summary=demo.run(lambda: tell(ready=ready)))
    except EdgecnnError as error:
        tell(error={"kind": type(error).__name__, "message": str(error)})
        return 1
    return 0


def _watch_input(demo: Demo) -> None:
    while processes.readable([0], SILENCE_S) and os.read(0, 4096):
        pass
    demo.stop()

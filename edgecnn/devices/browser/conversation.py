"""A page that works: it is opened when it is needed first, given tasks, and its answers are checked."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from edgecnn.core.errors import DeviceError, EdgecnnError, ModelFileError
from edgecnn.devices import Listener, answers
from edgecnn.devices.browser.page_server import PageServer
from edgecnn.devices.browser.place import Place
from edgecnn.devices.browser.records import TASKS, Described
from edgecnn.runtime.process.limits import HANG_S

SILENCE_S = 120.0
"""A page that asks for nothing for so long is gone: one inference takes less, and it speaks between two of them."""
_LOOK_S = 0.25
_GOODBYE_S = 3.0
_LONGEST_REASON = 500


class Conversation:
    """With the page in one browser.

    Args:
        place: where the browser is.
        note: told what a person has to do, and how far a task is.
    """

    def __init__(self, place: Place, note: Listener) -> None:
        self.place, self._note = place, note
        self._server: PageServer | None = None
        self._described: Described | None = None
        self._lines: list[str] = []

    def describe(self) -> Described:
        """What the page says of its browser; opens it, where it isn't open.

        Raises:
            DeviceError: no browser came.
            EdgecnnError: the page can't be served.
        """
        if self._described is None:
            self._open()
            self._described = self.ask("describe", {})
            assert self._described is not None
        return self._described

    @property
    def server(self) -> PageServer:
        """The page's server, once it is open."""
        assert self._server is not None
        return self._server

    def _open(self) -> None:
        place = self.place
        self._server = PageServer(place.HOST, place.PORT, place.SPELLED)
        place.invite(self._server.addresses(), self._note)
        deadline = time.monotonic() + place.ARRIVES_S
        while not self._server.has_guest:
            place.check()
            if time.monotonic() > deadline:
                raise DeviceError(
                    f"{place.name}: no browser opened the page within {place.ARRIVES_S:.0f} s. Run the command again."
                )
            time.sleep(_LOOK_S)

    def say(self, line: str) -> None:
        """A line of results that the page shows at its end."""
        self._lines.append(line)

    def ask(
        self,
        job: str,
        values: Mapping[str, Any],
        contents: Sequence[bytes] = (),
        seconds: float = HANG_S,
        model: str = "",
    ) -> Any:
        """What the page answers to a task: a record of `TASKS`, or plain values of a task that isn't there.

        Args:
            job: the task.
            values: what it is told.
            contents: what it may fetch.
            seconds: how long it may take.
            model: whose work it is, for messages.

        Raises:
            DeviceError: the page is gone, takes too long, or answers nonsense.
            ModelFileError: LiteRT.js can't run the model.
        """
        server, name, deadline = self.server, self.place.name, time.monotonic() + seconds
        server.set_task(job, values, self._note.progress, contents)
        while (answer := server.wait(_LOOK_S)) is None:
            self.place.check()
            if time.monotonic() - server.heard_at > SILENCE_S:
                raise DeviceError(
                    f"{name}: the page has been silent for {SILENCE_S:.0f} s. Keep it in front and the screen on, and "
                    "run the command again."
                )
            if time.monotonic() > deadline:
                raise DeviceError(f"{name}: the page has not finished within {seconds:.0f} s and was stopped.")
        if "error" in answer:
            raise self._refusal(answer["error"], model)
        kind = TASKS.get(job)
        return answers.checked(kind, answer.get("value"), f"the task `{job}`", name) if kind else answer.get("value")

    def _refusal(self, reason: Any, model: str) -> EdgecnnError:
        text = answers.lines(str(reason)[:_LONGEST_REASON]).rstrip(".")
        if not model:
            return DeviceError(f"{self.place.name}: the page can't be used: {text}. Update the browser.")
        return ModelFileError(f"{model}: LiteRT.js can't run it in {self.place.name}: {text}.")

    def close(self) -> None:
        """Let the page show its results, and end the browser."""
        if self._server is None:
            return
        try:
            if self._described:
                self._server.set_task("end", {"lines": self._lines}, None, [])
                self._server.wait(_GOODBYE_S)
        except DeviceError:  # it was loaded again: nobody is there who could show them
            pass
        finally:
            self.place.close()
            self._server.close()
            self._server = self._described = None

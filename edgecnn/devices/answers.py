"""The answers of boards, read and checked. A board is another machine: its answers are checked before they are used.

Texts are made printable, keys that this version doesn't know are dropped, and everything else that isn't as a sound
board sends it is an error: types, missing keys, numbers that are none or absurd, lengths.
"""

from __future__ import annotations

from typing import Any

from edgecnn.core.errors import CameraError, DeviceError, EdgecnnError, RecordError
from edgecnn.core.text import printable
from edgecnn.devices.answer_records import ANSWERS
from edgecnn.runtime.errors import KINDS as RUNTIME_KINDS
from edgecnn.runtime.model.json_text import parse_json
from edgecnn.runtime.model.validation import Record, plain

KINDS: dict[str, type[EdgecnnError]] = {
    **RUNTIME_KINDS,
    "DeviceError": DeviceError,
    "CameraError": CameraError,
}
"""What a board's error may be raised as here."""
_LONGEST_MESSAGE = 4000


def read(job: str, text: str, device: str) -> dict[str, Any]:
    """The checked values of a job's answer.

    Args:
        job: one of `ANSWERS`.
        text: its JSON.
        device: who answered, for messages.

    Raises:
        EdgecnnError: what the job raised, of its kind if that is in `KINDS`.
        DeviceError: the answer is none of this job.
    """
    values = parsed(text, f"`{job}`", device)
    if isinstance(values, dict) and "error" in values:
        raise problem(values["error"], device)
    return checked(ANSWERS[job], values, f"`{job}`", device).to_dict()


def checked(kind: type[Record], values: Any, what: str, device: str) -> Any:
    """A record of that kind.

    Raises:
        DeviceError: the values are none.
    """
    try:
        return kind.from_dict(plain(values))
    except (RecordError, RecursionError) as error:
        raise _senseless(what, device, error) from error


def parsed(text: str | bytes, what: str, device: str) -> Any:
    """The values of a JSON text.

    Raises:
        DeviceError: it is none.
    """
    try:
        return parse_json(text)
    except RecordError as error:
        raise _senseless(what, device, error) from error


def problem(values: Any, device: str) -> EdgecnnError:
    """The error that a board describes by `kind` and `message`."""
    found = values if isinstance(values, dict) else {}
    kind, message = found.get("kind"), found.get("message")
    if not isinstance(kind, str) or not isinstance(message, str):
        return _senseless("an error", device, "the error has no kind and message.")
    return KINDS.get(kind, EdgecnnError)(lines(message[:_LONGEST_MESSAGE]))


def lines(text: str) -> str:
    """A text of several lines, each of them printable; those after the first are indented, so that they look quoted."""
    return "\n  ".join(printable(line.rstrip()).lstrip() for line in text.splitlines())


def _senseless(what: str, device: str, reason: object) -> DeviceError:
    text = "nested too deeply" if isinstance(reason, RecursionError) else reason
    return DeviceError(
        f"{device} answered {what} with invalid data: {text} Check that no other program prints to the "
        "standard output of its shell."
    )

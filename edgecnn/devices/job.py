"""A job in a child process, here or at the other end of ssh: arguments, heartbeat, notes, its one JSON."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from edgecnn.core import errors
from edgecnn.devices import Note

HEARTBEAT_S = 5.0
NOTE = "note: "


@dataclass(frozen=True)
class Answer:
    """What a finished child left: exit status (negative: killed by that signal) and its output."""

    status: int
    stdout: str
    stderr: str


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


def converse(command: Sequence[str], note: Note, env: Mapping[str, str] | None = None) -> Answer:
    """Run a child that watches its standard input: a byte every `HEARTBEAT_S` says that we still want the answer."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, env=env
    )
    assert process.stdin and process.stdout and process.stderr
    output: list[bytes] = []
    complaints: list[str] = []
    readers = [
        threading.Thread(target=_collect, args=(process.stdout, output), daemon=True),
        threading.Thread(target=_listen, args=(process.stderr, complaints, note), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        status = _wait(process, process.stdin)
    except BaseException:
        process.stdin.close()
        process.terminate()
        process.wait()
        raise
    for reader in readers:
        # A master connection that ssh leaves behind holds our end of standard error open.
        reader.join(timeout=2)
    return Answer(status, b"".join(output).decode(errors="replace"), "".join(complaints))


def _wait(process: subprocess.Popen[bytes], stdin: IO[bytes]) -> int:
    while True:
        try:
            return process.wait(timeout=HEARTBEAT_S)
        except subprocess.TimeoutExpired:
            try:
                stdin.write(b".")
            except BrokenPipeError:
                continue


def _collect(stream: IO[bytes], parts: list[bytes]) -> None:
    while part := stream.read(1 << 16):
        parts.append(part)


def _listen(stream: IO[bytes], complaints: list[str], note: Note) -> None:
    for raw in iter(stream.readline, b""):
        line = raw.decode(errors="replace")
        if line.startswith(NOTE):
            note(line[len(NOTE) :].rstrip())
        else:
            complaints.append(line)


def result(answer: Answer) -> dict[str, Any]:
    """The job's JSON.

    Raises:
        EdgecnnError: what the job raised, of the same kind.
        CrashError: the child ended without an answer.
    """
    try:
        value = json.loads(answer.stdout)
    except ValueError as error:
        last = answer.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise errors.CrashError(
            f"The measuring process ended with status {answer.status} and no result: {last[0]}"
        ) from error
    if "error" in value:
        kind = getattr(errors, value["error"]["kind"], errors.EdgecnnError)
        raise kind(value["error"]["message"])
    return dict(value)

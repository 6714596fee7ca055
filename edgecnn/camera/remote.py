"""`edgecnn demo --device`: the demo runs on a board, its page is seen here through an ssh tunnel. Runs on the host."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edgecnn.camera import events
from edgecnn.camera.corrections import Corrections
from edgecnn.camera.settings import DemoOptions
from edgecnn.core.errors import CameraError, DeviceError, EdgecnnError, RuntimeMissingError, UsageError
from edgecnn.core.text import to_stderr
from edgecnn.devices import Note, answers, open_device, zipapp
from edgecnn.devices.child import HEARTBEAT_S, Answer, Complaints, Patience, ended, lines, out_of_time
from edgecnn.devices.ssh_client import TUNNEL_OPEN
from edgecnn.devices.ssh_device import CACHE, SshDevice
from edgecnn.runtime.portable.processes import OWN_SESSION
from edgecnn.runtime.portable.signals import ENDING
from edgecnn.runtime.run.decode import decode
from edgecnn.web.addresses import is_loopback
from edgecnn.web.web_server import free_port

_PARTS = (
    *("__init__.py", "core/__init__.py", "core/version.py", "core/errors.py", "core/files.py"),
    "core/hints.py",
    *("core/option.py", "core/options.py", "core/ranges.py", "core/registry.py", "core/text.py"),
    *("runtime/**/*.py", "web/**/*.py", "camera/**/*.py", "camera/page.html"),
)
_START_S = 900.0
_TUNNEL_S = 60.0
_MAIN = "import sys\nfrom edgecnn.camera.{} import main\nsys.exit(main())\n"


def run(
    options: DemoOptions,
    device: str,
    announce: Callable[[str, list[str]], None],
    write: Callable[[str], None],
    note: Note = to_stderr,
    corrections: Corrections | None = None,
) -> dict[str, Any]:
    """Start the demo on a board and stay until it ends; Ctrl-C ends both sides.

    Args:
        options: as for a demo here; files and cameras are the board's, the model and its labels are copied there.
        device: a board that is reached over ssh.
        announce: told the source's name and the page's addresses on this machine.
        write: takes lines of JSON.
        note: told what a person who waits wants to know.
        corrections: where images go whose answer is wrong, if `options.collect` asks for that.

    Returns:
        The board's summary.

    Raises:
        UsageError: an option makes no sense from afar.
        DeviceError: the board can't be reached, lacks something, or the connection was lost.
        EdgecnnError: what the demo itself raised there.
    """
    _check(options)
    with open_device(device, note) as board:
        if not isinstance(board, SshDevice):
            raise UsageError(f"--device is {device}; expected this machine or a board connected by ssh.")
        if options.view == "page" and options.port:
            free_port("127.0.0.1", options.port)  # a taken one is told before anything is copied
        command, there = _bring(board, options)
        with contextlib.ExitStack() as stack:
            process = stack.enter_context(_process(board.client.command(command), there))
            assert process.stderr
            complaints = Complaints(process.stderr)
            tunnel = stack.enter_context(contextlib.ExitStack())
            session = _Session(board, process, complaints, options.port, tunnel, announce, write, note, corrections)
            return _follow(session)


def archive(program: str = "board") -> bytes:
    """What the board runs, as one file for its Python.

    Args:
        program: the module here whose `main` is called: "board", or "board_stream" for the camera alone.
    """
    return zipapp.pack(_MAIN.format(program), parts())


def parts() -> dict[str, Path]:
    """What a demo on a board consists of: names in an archive, and the files."""
    root = Path(__file__).parents[1]
    return zipapp.below(root, (path for pattern in _PARTS for path in root.glob(pattern)), "edgecnn")


def _check(options: DemoOptions) -> None:
    if options.view == "window":
        raise UsageError("--window can't be used with --device. To open a window, run edgecnn demo on the board.")
    if options.record:
        raise UsageError("--record can't be used with --device. To record, run edgecnn demo on the board.")
    if not is_loopback(options.host):
        raise UsageError(
            "--host can't be used with --device: the ssh tunnel listens only on this machine's loopback address. "
            "Remove --host."
        )


def _bring(board: SshDevice, options: DemoOptions) -> tuple[list[str], DemoOptions]:
    """Copy what is not there yet; returns the board's command and the options in the board's terms."""
    file = options.hints.read(options.model)
    contents = {f"{file.sha256}.tflite": file.data}
    if options.hints.labels:
        text = "".join(f"{label}\n" for label in file.contract.labels).encode()
        contents[f"{hashlib.sha256(text).hexdigest()}.txt"] = text
    app = archive()
    contents[f"{hashlib.sha256(app).hexdigest()}.pyz"] = app
    found = board.bring(contents)
    paths = [f"{found.home}/{CACHE}/{name}" for name in contents]
    hints = dataclasses.replace(options.hints, labels=Path(paths[1]) if options.hints.labels else None)
    there = dataclasses.replace(options, model=paths[0], hints=hints, host="127.0.0.1", port=None)
    return ["exec", found.python, paths[-1]], there


@dataclasses.dataclass
class _Session:
    board: SshDevice
    process: subprocess.Popen[bytes]
    complaints: Complaints
    port: int | None
    tunnel: contextlib.ExitStack
    announce: Callable[[str, list[str]], None]
    write: Callable[[str], None]
    note: Note
    corrections: Corrections | None


def _follow(session: _Session) -> dict[str, Any]:
    """Read what the board tells until its summary."""
    assert session.process.stdout
    name = session.board.name
    with Patience(session.process, _START_S) as patience:
        for raw in lines(session.process.stdout, events.LONGEST_LINE):
            event, value = events.read(raw, name)
            if event == "ready":
                patience.end()
                _ready(session, value)
            elif event == "line":
                session.write(json.dumps(value, ensure_ascii=False))
            elif event == "note":
                session.note(f"{name}: {value}")
            elif event == "correction" and session.corrections:
                _keep(session, session.corrections, value)
            elif event == "error":
                raise _raised(session.board, value)
            elif event == "summary":
                return {**value, "on": name}
    if patience.is_over:
        raise out_of_time(name, "the demo started", _START_S)
    status = ended(session.process)
    said = session.complaints.text()
    session.board.client.check(Answer(status, "", said), "the demo ran")
    last = (said.strip().splitlines() or ["it said nothing"])[-1]
    hint = f" Install what is missing there with: {session.board.remedy()}" if "ModuleNotFound" in last else ""
    raise DeviceError(f"{name}: the demo ended with status {status}: {last}{hint}")


def _ready(session: _Session, ready: events.Ready) -> None:
    for sentence in ready.notes:
        session.note(f"Note: {sentence}")
    addresses = []
    if ready.port:
        port = session.tunnel.enter_context(_open_tunnel(session.board, session.port, ready.port))
        addresses = [f"http://127.0.0.1:{port}/"]
    session.announce(f"{ready.source} of {session.board.name}", addresses)


def _keep(session: _Session, corrections: Corrections, corrected: events.Corrected) -> None:
    """Store an image that came from the board; what is wrong with it ends nothing."""
    try:
        picture = decode(base64.b64decode(corrected.jpeg), "the board's image")
        session.note(corrections.keep(corrected.label, picture, corrected.said))
    except (ValueError, EdgecnnError) as error:
        session.note(f"The image can't be kept: {error}")


def _raised(board: SshDevice, error: Any) -> EdgecnnError:
    raised = answers.problem(error, board.name)
    remedy = f" To install what is missing there: {board.remedy()}" if isinstance(raised, RuntimeMissingError) else ""
    return type(raised)(f"{board.name}: {raised}{remedy}")


@contextlib.contextmanager
def _process(command: list[str], options: DemoOptions) -> Iterator[subprocess.Popen[bytes]]:
    """ssh, in a session of its own: Ctrl-C reaches us, and we end the board's side in good order."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **OWN_SESSION
    )
    gone = threading.Event()

    def end(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        gone.set()

    def keep_alive() -> None:
        assert process.stdin
        with contextlib.suppress(OSError, ValueError):
            while not gone.wait(HEARTBEAT_S):
                process.stdin.write(b".")
                process.stdin.flush()
            process.stdin.close()

    before = {number: signal.getsignal(number) for number in ENDING}
    for number in before:
        signal.signal(number, end)
    try:
        _send(process, options)
        threading.Thread(target=keep_alive, daemon=True).start()
        yield process
    finally:
        gone.set()
        for number, handler in before.items():
            signal.signal(number, handler)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()


def _send(process: subprocess.Popen[bytes], options: DemoOptions) -> None:
    assert process.stdin
    with contextlib.suppress(OSError):  # what ssh has to say about that is read next
        process.stdin.write(options.to_json().encode() + b"\n")
        process.stdin.flush()


@contextlib.contextmanager
def _open_tunnel(board: SshDevice, wish: int | None, there: int) -> Iterator[int]:
    """Make the board's port reachable here for a while; yields our port: `wish`, or the first free one from 8000."""
    while True:
        here = free_port("127.0.0.1", wish)
        with _tunnel(board.client.tunnel(here, there)) as said:
            if said is None:
                yield here
                return
        if f"cannot listen to port: {here}" not in said:  # else somebody was faster: the next one
            raise CameraError(
                f"The ssh tunnel to {board.name} can't be opened: {said.strip() or 'no reason given'}. Check that the "
                "board's ssh server allows port forwarding."
            )


@contextlib.contextmanager
def _tunnel(command: list[str]) -> Iterator[str | None]:
    """ssh with a tunnel; yields None if it opened, else what it said. It ends with us, however we end, because its
    input does.
    """
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **OWN_SESSION
    ) as process:
        assert process.stdout and process.stderr
        complaints = Complaints(process.stderr)
        try:
            with Patience(process, _TUNNEL_S):
                is_open = any(line.strip() == TUNNEL_OPEN.encode() for line in lines(process.stdout, 1024))
            yield None if is_open else complaints.text()
        finally:
            process.terminate()

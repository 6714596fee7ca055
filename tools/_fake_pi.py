"""A stand-in Raspberry Pi to play with: a real ssh server, a real aarch64 Python and LiteRT, under QEMU.

Usage: tools/fake-pi start [pi3|pi4|pi5] [--bare]     (--bare: without NumPy and LiteRT, for `devices check --fix`)
       tools/fake-pi stop
       tools/fake-pi status

`start` adds the board to edgecnn's devices as fake-pi. Its times are QEMU's and say nothing about a real Pi.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import fake_pi  # noqa: E402

from edgecnn.core.errors import EdgecnnError  # noqa: E402
from edgecnn.devices import known  # noqa: E402

CPUS = {"pi3": "cortex-a53", "pi4": "cortex-a72", "pi5": "cortex-a76"}
NAME = "fake-pi"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tools/fake-pi", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("start", "stop", "status"))
    parser.add_argument("board", nargs="?", default="pi4", choices=sorted(CPUS))
    parser.add_argument("--bare", action="store_true", help="without NumPy and LiteRT")
    parser.add_argument("--folder", type=Path, default=fake_pi.cache_folder() / "board", help="where the board lies")
    options = parser.parse_args()
    try:
        return {"start": start, "stop": stop, "status": status}[options.action](options)
    except (fake_pi.CantMakeError, EdgecnnError) as error:
        print(f"fake-pi: {error}", file=sys.stderr)
        return 1


def running(folder: Path) -> fake_pi.FakePi | None:
    """The board that an earlier call started, if it still runs."""
    state = folder / "state.json"
    if not state.exists():
        return None
    values = json.loads(state.read_text())
    board = fake_pi.FakePi(values["cpu"], folder, NAME, port=values["port"], pid=values["pid"])
    return board if board.is_running() else None


def start(options: argparse.Namespace) -> int:
    stop(options, quiet=True)
    print("Making the board (the first time: downloads about 40 MB of Debian packages and wheels) ...", flush=True)
    folder = options.folder.absolute()
    folder.mkdir(parents=True)
    board = fake_pi.FakePi(CPUS[options.board], folder, NAME, packages=not options.bare)
    board.build()
    board.start()
    (folder / "state.json").write_text(json.dumps({"cpu": board.cpu, "port": board.port, "pid": board.pid}))
    known.add(known.Entry(NAME, board.target, str(board.ssh_config)))
    print(f"A stand-in {fake_pi.BOARDS[board.cpu].model} listens on 127.0.0.1:{board.port}. Try:")
    print(f"  edgecnn devices check {NAME}")
    print(f"  edgecnn profile MODEL.tflite --device {NAME}      (its times are emulated)")
    print(f"  ssh -F {board.ssh_config} {NAME}")
    return 0


def stop(options: argparse.Namespace, quiet: bool = False) -> int:
    board = running(options.folder)
    if board:
        board.stop()
    if (options.folder / "state.json").exists():  # ours, also after the machine was restarted
        shutil.rmtree(options.folder, ignore_errors=True)
    if NAME in known.entries():
        known.remove(NAME)
    if not quiet:
        print("Stopped; its files are removed, the downloaded packages are kept." if board else "It was not running.")
    return 0


def status(options: argparse.Namespace) -> int:
    board = running(options.folder)
    print(f"{board.cpu} on 127.0.0.1:{board.port}" if board else "It is not running.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The laws at hand: those of boards, which come with the package, and those of the user's own devices."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from edgecnn.core import files
from edgecnn.core.errors import EdgecnnError, UsageError
from edgecnn.core.files import read_record
from edgecnn.devices import known as devices
from edgecnn.estimation.law import Laws
from edgecnn.estimation.settings import EstimateSettings
from edgecnn.runtime.model.validation import Record

_FOLDER = Path(__file__).with_name("laws")


@dataclass(frozen=True)
class LawFile(Record):
    """All laws of one device, the preferred first."""

    laws: tuple[Laws, ...]


def measured_boards() -> list[str]:
    """Boards that have laws."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


@functools.cache
def of_board(name: str) -> tuple[Laws, ...]:
    """The laws of a board; none for one that nobody has measured."""
    path = _FOLDER / f"{name}.json"
    return LawFile.from_dict(json.loads(path.read_text(encoding="utf-8"))).laws if path.exists() else ()


def path_of(device: str) -> Path:
    """Where the laws of a device are kept, beside the file that names the devices."""
    return devices.path().parent / "laws" / f"{quote(device, safe='')}.json"


def of_device(name: str) -> tuple[Laws, ...]:
    """The laws of a calibrated device; none for one that isn't.

    Raises:
        RecordError: its file is damaged.
    """
    path = path_of(name)
    return read_record(path, LawFile, "what `edgecnn devices calibrate` writes").laws if path.exists() else ()


def keep(name: str, found: Laws) -> Path:
    """Keep the laws of a device, in place of those with the same delegate and number of threads."""
    path = path_of(name)
    with files.locked(path):
        try:
            earlier: Sequence[Laws] = of_device(name)
        except EdgecnnError:  # a damaged file is replaced
            earlier = ()
        others = [each for each in earlier if (each.delegate, each.threads) != (found.delegate, found.threads)]
        files.write_json(path, LawFile((found, *others)).to_dict())
    return path


def forget(name: str) -> bool:
    """Remove the laws of a device; whether there were any.

    Raises:
        EdgecnnError: their file can't be removed.
    """
    path = path_of(name)
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise EdgecnnError(f"Can't remove {path}: {error.strerror}. Remove it by hand.") from error
    return True


def chosen(settings: EstimateSettings) -> Laws:
    """The laws that were asked for.

    Raises:
        UsageError: neither a board nor a device was named, or both; or none of its laws is of that delegate, runtime
            and number of threads.
        EdgecnnError: nobody has measured the board, or the device isn't calibrated.
    """
    if (settings.board is None) == (settings.device is None):
        raise UsageError(f"Name a board or a device: --board {'|'.join(measured_boards())}, or --device NAME.")
    found = _all(settings)
    fitting = [
        each
        for each in found
        if settings.threads in (None, each.threads)
        and settings.delegate in (None, each.delegate)
        and (settings.runtime or "").lower() in each.runtime.lower()
    ]
    if not fitting:
        listed = "; ".join(f"{each.runtime}, delegate {each.delegate}, {each.threads} threads" for each in found)
        raise UsageError(f"{settings.board or settings.device} was not measured so. Its measurements: {listed}.")
    return min(fitting, key=lambda each: each.delegate != "cpu")  # the first, the newest, of the processor's own


def _all(settings: EstimateSettings) -> tuple[Laws, ...]:
    if settings.device is not None:
        if laws := of_device(settings.device):
            return laws
        raise EdgecnnError(
            f"{settings.device} is not calibrated. Calibrate it: edgecnn devices calibrate {settings.device}"
        )
    if laws := of_board(str(settings.board)):
        return laws
    raise EdgecnnError(
        f"There are no measurements of {settings.board}. Boards with measurements: {', '.join(measured_boards())}. "
        "If you have one, calibrate it: edgecnn devices calibrate DEVICE"
    )

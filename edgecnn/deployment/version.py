"""What a version of a deployment consists of: program, model, options, labels, and the secrets of its sinks."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgecnn.camera import remote
from edgecnn.camera.settings import DemoOptions
from edgecnn.camera.sink_choice import Choice, chosen, with_paths
from edgecnn.core.errors import EdgecnnError, MissingExtraError, UsageError
from edgecnn.core.option import Option
from edgecnn.deployment.board.service import OPTIONS
from edgecnn.deployment.board.unit import CREDENTIALS
from edgecnn.devices import zipapp
from edgecnn.runtime.home import expanded
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.records import Golden
from edgecnn.runtime.process import guard
from edgecnn.runtime.regular_file import read_regular
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine

APP, MODEL, LABELS = "app.pyz", "model.tflite", "labels.txt"
DEFAULT_SINK = "stdout"
_MAIN = "import sys\nfrom edgecnn.deployment.board.main import main\nsys.exit(main())\n"
_PARTS = ("deployment/__init__.py", "deployment/board/*.py")
_LARGEST_SECRET = 1 << 20
_CAMERA_DEVICES = ("char-video4linux", "char-media", "char-dma_heap")
_CORAL_GROUPS, _CORAL_DEVICES = ("plugdev", "apex"), ("char-usb_device", "char-apex")


@dataclass(frozen=True)
class Version:
    """A version, before it is on a board.

    Attributes:
        file: the model.
        options: of the demo, as the board's service reads them; paths are relative to the version's folder.
        files: name -> content.
        secrets: name below `CREDENTIALS` -> content.
        golden: the vectors that must give the same answers there.
        groups: of users who may open the devices.
        devices: as `DeviceAllow=` takes them.
    """

    file: ModelFile
    options: DemoOptions
    files: Mapping[str, bytes]
    secrets: Mapping[str, bytes]
    golden: Golden
    groups: tuple[str, ...]
    devices: tuple[str, ...]

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.file.contract.name} on {self.options.source}"


def version(options: DemoOptions) -> Version:
    """The version that options describe.

    Args:
        options: as for a demo; the model, its labels and the files that sinks read are this machine's.

    Raises:
        ModelFileError: the model can't be read.
        UsageError: an option makes no sense for a service.
        EdgecnnError: a sink's file can't be read.
        MissingExtraError: a sink's library isn't installed here.
    """
    _check(options)
    file = options.hints.read(options.model)
    options = dataclasses.replace(options, sinks=options.sinks or (DEFAULT_SINK,))
    choices = [chosen(text, options.when) for text in options.sinks]
    for choice in choices:
        _check_rule(choice, file)
    secrets: dict[str, bytes] = {}
    sinks = tuple(with_paths(text, lambda declared, path: _placed(declared, path, secrets)) for text in options.sinks)
    files = {APP: archive(choices), MODEL: file.data}
    hints = options.hints
    if hints.labels:
        files[LABELS] = "".join(f"{label}\n" for label in file.contract.labels).encode()
        hints = dataclasses.replace(hints, labels=Path(LABELS))
    there = dataclasses.replace(options, model=MODEL, hints=hints, sinks=sinks, view="none")
    files[OPTIONS] = there.to_json().encode()
    coral = options.delegate != "cpu"
    groups = ("video", *(_CORAL_GROUPS if coral else ()), *(name for each in choices for name in each.plugin.GROUPS))
    devices = (
        *_CAMERA_DEVICES,
        *(_CORAL_DEVICES if coral else ()),
        *(name for each in choices for name in each.plugin.DEVICES),
    )
    unique = tuple(dict.fromkeys(groups)), tuple(dict.fromkeys(devices))
    return Version(file, there, files, secrets, _golden(file, bool(options.hints.said)), *unique)


def archive(choices: list[Choice]) -> bytes:
    """Service and manager as one file for the board's Python, with the libraries of its sinks.

    Raises:
        MissingExtraError: one is not installed here.
    """
    root = Path(__file__).parents[1]
    files = remote.parts()
    files |= zipapp.below(root, (path for pattern in _PARTS for path in root.glob(pattern)), "edgecnn")
    for choice in choices:
        for name in choice.plugin.LIBRARIES:
            files |= _library(name, choice.kind)
    return zipapp.pack(_MAIN, files)


def _library(name: str, sink: str) -> dict[str, Path]:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            f'--sink {sink} needs {name}, which travels to the board from here: pip install "edgecnn[{sink}]"'
        )
    folder = Path(next(iter(spec.submodule_search_locations)))
    return zipapp.below(folder, folder.rglob("*.py"), name)


def _check(options: DemoOptions) -> None:
    wrong = {
        "--headless": options.headless,
        "--record": options.record,
        "--collect": options.collect,
        "--as-fast-as-possible": options.as_fast_as_possible,
        "--seconds": options.seconds,
        "--frames": options.frames,
        "--window": options.view == "window",
    }
    for name, given in wrong.items():
        if given:
            raise UsageError(f"{name} can't be used with a service, which has no screen and no end. Remove it.")


def _check_rule(choice: Choice, file: ModelFile) -> None:
    try:
        choice.rule.check(file.contract.labels, file.contract.rejection is not None)
    except UsageError as error:
        raise UsageError(f"--sink {choice.kind}: {error}") from error


def _placed(declared: Option, path: str, secrets: dict[str, bytes]) -> str:
    """Where the service has a sink's file: what is read goes along, what is written lies in its cache folder."""
    if declared.writes:
        parts = PurePosixPath(path).parts
        if PurePosixPath(path).is_absolute() or ".." in parts or path.startswith("~"):
            raise UsageError(
                f"{declared.key} is {path}; expected a path without / or ~ at its beginning and without .., because a "
                "service writes to its own cache folder only."
            )
        return path
    try:
        content = read_regular(expanded(path), _LARGEST_SECRET)
    except OSError as error:
        raise EdgecnnError(f"Can't read {path}, which a sink needs ({declared.key}=): {error.strerror}.") from error
    name = f"{len(secrets)}-{re.sub(r'[^A-Za-z0-9._-]', '_', Path(path).name)[:40]}"
    secrets[name] = content
    return name


def _golden(file: ModelFile, is_changed: bool) -> Golden:
    """The contract's, or for a model by others those that this machine makes."""
    own = file.contract.golden
    if own is not None and own.generator == golden.GENERATOR and not is_changed:
        return own
    return Golden.from_dict(guard.isolated(_make, file, limit_processor_s=guard.processor_s(file, golden.COUNT)))


def _make(file: ModelFile) -> dict[str, object]:
    return golden.make(Engine(file)).to_dict()


def secret_path(name: str) -> str:
    """A secret's name in a version's folder."""
    return f"{CREDENTIALS}/{name}"

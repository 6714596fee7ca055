"""Which libedgetpu is installed, and that one that crashes is a sentence."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
from pathlib import Path

import pytest
import tiny_models
from delegate_doubles import build
from requirements import unavailable

from edgecnn.devices import open_device
from edgecnn.devices.check import Fix, findings
from edgecnn.runtime.delegates import libedgetpu
from edgecnn.runtime.delegates.libedgetpu import Library
from edgecnn.runtime.errors import CrashError
from edgecnn.runtime.process import guard, inventory

CORALS_LABEL = "BuildLabel(COMPILER=6.3.0 20170516,DATE=redacted,TIME=redacted), RuntimeVersion(14)"
WINDOWS_LABEL = "BuildLabel(COMPILER=MSVC 192528612,DATE=Jul 20 2021,TIME=14:30:22), RuntimeVersion(14)"
REBUILT_LABEL = "BuildLabel(COMPILER=14.2.0,DATE=Feb 22 2026,TIME=09:51:57), RuntimeVersion(14)"
TPU = {"bus": "pci", "node": "/dev/apex_0", "speed_mbps": 0, "started": True, "writable": True, "used_by": "",
       "warning": ""}  # fmt: skip


@pytest.mark.parametrize(
    ("label", "package", "is_corals"),
    [
        (CORALS_LABEL, "", True),
        (WINDOWS_LABEL, "", True),
        (REBUILT_LABEL, "", False),
        ("BuildLabel(COMPILER=12.2.0,DATE=redacted,TIME=redacted), RuntimeVersion(14)", "", False),
        ("", "16.0", True),
        (CORALS_LABEL, "16.0tf2.17.1-1.bookworm", False),
        ("", "", None),
    ],
)
def test_whose_library_it_is(label: str, package: str, is_corals: bool | None) -> None:
    assert Library(label, package).is_corals is is_corals


@pytest.mark.parametrize(
    ("runtime", "is_too_new"),
    [("tflite-runtime 2.5.0", False), ("tflite-runtime 2.11.1", False), ("tflite-runtime 2.12.0", True),
     ("tflite-runtime 2.14.0", True), ("ai-edge-litert 2.3.0", True)],
)  # fmt: skip
def test_which_runtimes_it_is_said_to_crash_with(runtime: str, is_too_new: bool) -> None:
    assert libedgetpu.is_too_new(runtime) is is_too_new


def library(source: str, folder: Path) -> str:
    """A libedgetpu of a few lines of C."""
    (folder / "fake.c").write_text(source)
    try:
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(folder / "fake.so"), str(folder / "fake.c")], check=True)
    except FileNotFoundError:
        unavailable("gcc is not installed: the delegate doubles can't be compiled")
    return str(folder / "fake.so")


def found(monkeypatch: pytest.MonkeyPatch, name: str) -> tuple[str, str, str]:
    """What `devices check` says of a library: value, verdict, remedy."""
    monkeypatch.setattr(libedgetpu, "NAME", name)
    monkeypatch.setattr(libedgetpu, "package", str)
    taken = {**inventory.take(), "edgetpus": [TPU]}
    finding = next(each for each in findings(taken, Fix("FIX", "FIX")) if each.topic == "libedgetpu")
    return finding.value, finding.level, finding.remedy


def test_check_names_the_library_and_its_cure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    say = 'const char* edgetpu_version(void) {{ return "{}"; }}'
    value, level, remedy = found(monkeypatch, library(say.format(CORALS_LABEL), tmp_path))
    assert value == f"Coral's own, {CORALS_LABEL}" and level == "advice"
    assert "from 2.12 on" in remedy and "github.com/feranick/libedgetpu" in remedy and "issues/812" in remedy
    value, level, remedy = found(monkeypatch, library(say.format(REBUILT_LABEL), tmp_path))
    assert value == f"rebuilt, {REBUILT_LABEL}" and (level, remedy) == ("ok", "")
    assert found(monkeypatch, "no-such-library.so")[:2] == ("none", "problem")


def test_a_library_that_crashes_while_it_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bomb = "#include <stdlib.h>\n__attribute__((constructor)) static void start(void) { abort(); }"
    value, level, remedy = found(monkeypatch, library(bomb, tmp_path))
    assert "crashes when it is loaded (signal SIGABRT)" in value and level == "problem" and "rebuilt" in remedy


def test_a_crash_while_a_model_runs_is_explained() -> None:
    with pytest.raises(CrashError, match=r"SIGSEGV.*Coral's own.*feranick/libedgetpu"):
        guard.isolated(crash, delegate="edgetpu:usb")
    with pytest.raises(CrashError, match=r"crashed with the delegate /x/libsome.so \(signal SIGSEGV\)"):
        guard.isolated(crash, delegate="/x/libsome.so")


def crash() -> None:
    """As a library does that was built against other structures."""
    faulthandler.disable()
    os.kill(os.getpid(), signal.SIGSEGV)


def test_a_session_with_a_delegate_that_crashes_is_an_error(tmp_path: Path) -> None:
    path = build("crashes", tmp_path)
    with open_device() as device, pytest.raises(CrashError, match="crashed with the delegate"):
        list(device.outputs(tiny_models.classifier(), [], delegate=str(path)))

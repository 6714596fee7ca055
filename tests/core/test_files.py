"""Files are whole or absent."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edgecnn.core import files
from edgecnn.core.errors import EdgecnnError


def test_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), files.replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]


def test_success_replaces_and_has_usual_permissions(tmp_path: Path) -> None:
    files.write_bytes(tmp_path / "new" / "a.bin", b"content")
    path = tmp_path / "new" / "a.bin"
    assert path.read_bytes() == b"content"
    (tmp_path / "plain").write_bytes(b"")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_leftovers_of_killed_writers_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom edgecnn.core import files\n"
        "with files.replacing(sys.argv[1]) as temporary:\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    path = tmp_path / "a.bin"
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    living = tmp_path / f".a-{os.getppid()}-xyz.tmp.bin"
    living.touch()
    files.write_bytes(path, b"content")
    assert {entry.name for entry in tmp_path.iterdir()} == {"a.bin", living.name}


def test_error_names_the_file_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EdgecnnError, match=r"Can't write .*a\.bin"):
        files.write_bytes(tmp_path / "file" / "a.bin", b"")


def test_digest_of_a_file_is_that_of_its_content(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.file_sha256(tmp_path / "x") == files.sha256(b"abc") == known

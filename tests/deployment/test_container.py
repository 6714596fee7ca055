"""The folder of `edgecnn deploy --container`: its program runs as its file says. No container engine is needed."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgecnn.camera.settings import DemoOptions
from edgecnn.cli import cli
from edgecnn.core.errors import UsageError
from edgecnn.deployment.container import write


def directives(text: str) -> dict[str, str]:
    """The last value of each directive of a container file, lines joined."""
    joined = text.replace("\\\n", " ")
    return dict(line.split(" ", 1) for line in joined.splitlines() if line and not line.startswith("#"))


def test_the_service_runs_as_the_file_says(models: tuple[str, str], video: str, tmp_path: Path) -> None:
    (tmp_path / "hook.txt").write_text("s3cret\n")
    sinks = ("jsonl", f"webhook:http://127.0.0.1:9/x,token={tmp_path / 'hook.txt'}")
    names = write(DemoOptions(models[0], source=video, loop=True, sinks=sinks), tmp_path / "image")
    image = tmp_path / "image"
    found = directives((image / "Containerfile").read_text())
    assert set(found["COPY"].split()[:-1]) == {"app.pyz", "model.tflite", "options.json"} <= set(names)
    assert found["USER"] == "edgecnn" and "opencv-python-headless==" in found["RUN"]
    secrets = [
        path.relative_to(image) for path in image.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()
    ]
    assert [str(path) for path in secrets] == ["credentials/0-hook.txt"]
    assert stat.S_IMODE((image / secrets[0]).stat().st_mode) == 0o600
    assert "credentials\n" in (image / ".containerignore").read_text()

    environment = dict(word.split("=", 1) for word in found["ENV"].split())
    environment |= {"CACHE_DIRECTORY": str(tmp_path), "CREDENTIALS_DIRECTORY": str(image / "credentials")}
    command = [sys.executable, *json.loads(found["CMD"])[1:]]
    with subprocess.Popen(command, cwd=image, env={**os.environ, **environment, "PYTHONPATH": ""}) as process:
        end = time.monotonic() + 120
        while not (tmp_path / "answers.jsonl").exists() or not (tmp_path / "answers.jsonl").read_text():
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.1)
        process.terminate()
        assert process.wait(60) == 0


def test_the_readme_has_the_whole_command(models: tuple[str, str], tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["deploy", models[0], "--source", "1", "--container", str(tmp_path / "image")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "image/README.md").read_text()
    words = shlex.split(re.search(r"podman run(.*?)\n\n", text, re.DOTALL)[0].replace("\\\n", " "))  # type: ignore[index]
    assert {"--read-only", "--cap-drop=all", "--device"} <= set(words) and "/dev/video1" in words
    assert write(DemoOptions(models[1], source="1"), tmp_path / "image"), "it may be written again"
    (tmp_path / "image/mine.txt").write_text("")
    with pytest.raises(UsageError, match=r"mine\.txt"):
        write(DemoOptions(models[0]), tmp_path / "image")


def test_a_container_is_no_board(models: tuple[str, str], tmp_path: Path) -> None:
    words = ["deploy", models[0], "--container", str(tmp_path / "x"), "--device", "pi4"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2 and "--container and --device can't be used together" in done.output

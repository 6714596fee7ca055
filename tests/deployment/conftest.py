"""A board's home on this machine with a double of systemd, and two models whose answers tell them apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import systemd_double
from color_model import write as write_color_model
from scenes import GREEN, RED, plain, write_video


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The same model, once in English and once in German."""
    folder = tmp_path_factory.mktemp("models")
    english = write_color_model(folder / "english.tflite", name="english")
    return english, write_color_model(folder / "german.tflite", ("rot", "grün", "blau"), name="german")


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A second of red, a second of green."""
    path = tmp_path_factory.mktemp("video") / "v.avi"
    return str(write_video(path, [plain(RED)] * 30 + [plain(GREEN)] * 30))


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """HOME of a user of this machine, whose systemd is a double."""
    home, programs = tmp_path / "home", tmp_path / "bin"
    for folder in (home, programs):
        folder.mkdir()
    systemd_double.install(programs)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    yield home
    systemd_double.stop_all(home)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show what the services of a test said that failed."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    home = getattr(item, "funcargs", {}).get("board")
    if report.when == "call" and report.failed and isinstance(home, Path):
        for path in (home / ".systemd-double").glob("*.log"):
            report.sections.append((path.name, path.read_text(errors="replace")))

"""The page: self-contained, well-formed, everything escaped, emulated times marked."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edgecnn import artifact, reporting
from edgecnn.core.errors import UsageError
from edgecnn.data import open_data
from edgecnn.profiling import Profile, profile
from edgecnn.profiling.noise import Verdict
from edgecnn.profiling.text import digits
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.provenance import Improvement, TrainedPhase, TrainingOrigin
from edgecnn.tasks.box_errors import BoxErrors
from edgecnn.verification import Verification, verify

VOID = {"meta", "img", "br"}


class Checker(HTMLParser):
    """Collects what a browser would fetch, and whether the elements nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attributes if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """`<rect .../>`: opens and closes at once."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _checked(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    assert checker.open == []
    assert all(link.startswith("data:") for link in checker.links), "the page fetches something"
    assert "<script" not in html and "url(" not in html
    return checker


@pytest.fixture(scope="module")
def records(tiny_keras: Path, tiny_int8: Path) -> tuple[Verification, Profile]:
    found = verify(tiny_int8, tiny_keras, open_data("photos:test").sample(20))
    return found, profile(tiny_int8, threads=1, runs=20)


def test_page_says_what_was_measured(tiny_int8: Path, records: tuple[Verification, Profile]) -> None:
    found, measured = records
    page = _checked(reporting.report(tiny_int8, found, [measured], "[model]\nname = 'x & y'"))
    assert f"{found.agreement.percent:.1f} %" in page.text
    best = measured.rows[0].measurement
    assert f"{digits(best.latency_ms.median)} ms" in page.text
    assert f"{digits(best.throughput_fps)} fps" in page.text
    assert model_file.read(tiny_int8).sha256 in page.text
    assert "x & y" in page.text
    shown = len(found.answers) + min(24, len(found.flipped))
    assert len(page.links) == shown


def test_page_without_measurements(tiny_int8: Path) -> None:
    page = _checked(reporting.report(tiny_int8))
    assert "Not verified" in page.text and "Speed on" not in page.text


@pytest.mark.parametrize("level", ["none", "best"])
def test_the_command_to_repeat_it_has_the_level(tiny_int8: Path, tmp_path: Path, level: str) -> None:
    file = model_file.read(tiny_int8)
    provenance = dataclasses.replace(file.contract.provenance, improve=Improvement(level))
    artifact.rewrite(tmp_path / "m.tflite", file, file.contract.replace(provenance=provenance))
    text = _checked(reporting.report(tmp_path / "m.tflite")).text
    assert (
        f"edgecnn quantize model.keras -o m.tflite --scheme int8 --calibration photos --samples 8 --improve {level}"
        in text
    )


def test_the_commands_to_repeat_it_train_what_was_trained(tiny_int8: Path, tmp_path: Path) -> None:
    file = model_file.read(tiny_int8)
    phases = (TrainedPhase("head", {"epochs": 9}), TrainedPhase("finetune", {"epochs": 3, "batch_size": 8, "seed": 1}))
    origin = TrainingOrigin("my pictures", "finetune", phases=phases)
    provenance = dataclasses.replace(file.contract.provenance, training=origin)
    artifact.rewrite(tmp_path / "m.tflite", file, file.contract.replace(provenance=provenance))
    text = _checked(reporting.report(tmp_path / "m.tflite")).text
    command = "train model.keras --data 'my pictures' --strategy finetune --epochs 3 --batch-size 8 --seed 1"
    assert f"edgecnn {command} -o trained.keras" in text and "edgecnn quantize trained.keras -o m.tflite" in text


def test_labels_from_outside_are_escaped(tiny_int8: Path, tmp_path: Path) -> None:
    file = model_file.read(tiny_int8)
    evil = ("<script>alert(1)</script>", "b", "c", "d", "e")
    artifact.rewrite(tmp_path / "m.tflite", file, file.contract.replace(labels=evil))
    assert "<script>alert" in _checked(reporting.report(tmp_path / "m.tflite")).text


def test_what_was_measured_of_another_file_is_refused(
    tiny_int8: Path, records: tuple[Verification, Profile], tmp_path: Path
) -> None:
    """But for the artifact into which a recipe wrote what it verified."""
    file = model_file.read(tiny_int8)
    written = artifact.rewrite(tmp_path / "a.tflite", file, file.contract.replace(accuracy=records[0].summary()))
    other = artifact.rewrite(tmp_path / "b.tflite", file, file.contract.replace(labels=tuple("abcde")))
    assert written.sha256 != file.sha256 and reporting.report(tmp_path / "a.tflite", records[0], [])
    for verification, profiles in ((records[0], []), (None, [records[1]])):
        with pytest.raises(UsageError, match=rf"of another file, .*: its digest is not that of {other.name}"):
            reporting.report(tmp_path / "b.tflite", verification, profiles)


def test_a_detector_of_many_classes_has_a_page(tmp_path: Path, tiny_detector: Path) -> None:
    """Curves of the most frequent four; the others are in the JSON. Boxes have scores of their own, the image none."""
    found = verify(tiny_detector / "d.tflite", tiny_detector / "d.keras", open_data(str(tiny_detector / "images")))
    confusion = tuple(tuple(int(row == column) for column in range(8)) for row in range(8))
    curves = dict.fromkeys("abcdefg", (1.0, 0.5))
    many = BoxErrors(tuple(curves), {"right": 7}, confusion, (0.0, 1.0), curves)
    page = _checked(reporting.report(tiny_detector / "d.tflite", dataclasses.replace(found, errors=many), []))
    assert "The 3 other classes are in the verification's JSON" in page.text
    assert not re.search(r"artifact: [^<]*\d %", page.text)


def test_emulated_times_are_marked(tiny_int8: Path, records: tuple[Verification, Profile]) -> None:
    emulated = dataclasses.replace(records[1], emulated=True, system={**records[1].system, "emulated": True})
    page = _checked(reporting.report(tiny_int8, None, [emulated]))
    assert page.text.count("emulated") >= 3
    assert "are not representative of a real board" in page.text


def test_the_note_about_noise_names_its_row(tiny_int8: Path, records: tuple[Verification, Profile]) -> None:
    row = records[1].rows[0]
    two = dataclasses.replace(
        row,
        measurement=dataclasses.replace(row.measurement, threads=2),
        noise=Verdict(True, ("Runs differ.",), ("Others ran.",)),
    )
    steady = dataclasses.replace(row, noise=Verdict(False, (), ()))
    page = _checked(reporting.report(tiny_int8, None, [dataclasses.replace(records[1], rows=(steady, two))]))
    assert "The row of 2 threads is too noisy: Runs differ. Others ran." in page.text
    assert page.text.count("too noisy") == 1

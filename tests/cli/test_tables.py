"""Every table on a real terminal of 60, 80 and 120 columns: no word and no number is broken."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace as Values
from typing import Any

import pytest
from terminal import shown

from edgecnn.cli import cli, devices, doctor, models, profile, prune, quantize, train, verify
from edgecnn.core.layout import Table, cells, wrapped
from edgecnn.core.statistics import share
from edgecnn.data.report import DataReport
from edgecnn.profiling.results import Results
from edgecnn.runtime.model.provenance import Skipped, Tried

WIDTHS = (60, 80, 120)
SNAPSHOTS = Path(__file__).parent / "tables"
Show = Callable[[], Any]


def _train() -> None:
    epoch = Values(validation_accuracy_percent=97.53)
    history = Values(epochs=[epoch] * 12, best_epoch=9, best=epoch, wall_s=1234.5, cpu_s=2345.6)
    phases = [Values(name=name, history=history) for name in ("head", "fine-tuning of the upper half")]
    record = Values(metric="top-1")
    score = Values(accuracy_percent=97.53)
    train._show("m.keras", Values(phases=phases, record=lambda: record, validation=score, test=score))  # type: ignore[arg-type]


def _doctor() -> None:
    layer = Values(
        layer="efficientnet_lite0/block12_project_conv/Conv2D;folded", operator="DEPTHWISE_CONV_2D", share_percent=43.2,
        alone_snr_db=12.3, all_but_snr_db=23.4, snr_db=8.7,
    )  # fmt: skip
    finding = Values(
        cause="weight scales", summary="One scale serves channels of unlike size.", evidence="0.001 to 12.5 in conv_7.",
        remedy="`edgecnn quantize m.keras -o m.tflite --improve best`", before_snr_db=9.8, after_snr_db=21.4,
    )  # fmt: skip
    doctor._show(Values(model="m.tflite", snr_db=9.8, pictures=100, worst=lambda: [layer] * 3, findings=[finding]))


def _ladder() -> None:
    tried = Tried(
        "int8_mixed", "keep 6 layers in float (block0_project to block3_expand)", "inconclusive", share(980, 1000),
        share(886, 1000), share(5, 1000), 12_345_678, 123.4, 12.3, 1000, 4000,
    )  # fmt: skip
    entries = [tried, Skipped("qat", "quantization-aware training", "needs training data: --train-data DATA")]
    quantize._show(Values(entries=entries, reached=False, tried=[tried], path="m.tflite", left_out=3))  # type: ignore[arg-type]


def _prune() -> None:
    score = [Values(accuracy_percent=percent) for percent in (98.76, 97.65)]
    proof = Values(
        rows=lambda: [("int8 here, 1 thread", "123.45 ms", "67.89 ms", "1.82 times as fast")], notes=lambda: []
    )
    record = Values(title="top-1")
    compressed = Values(pictures=(1000, "validation"), record=lambda: record, before=score[0], after=score[1])
    prune._show("m.keras", compressed, proof)  # type: ignore[arg-type]


def _verify() -> None:
    metric = Values(float_model=share(891, 1000), artifact=share(886, 1000))
    image = Values(name="cat/a-photograph-with-a-long-name.jpg", truth="Egyptian cat", float=Values(label="tabby cat"),
                   artifact=Values(label="tiger cat"))  # fmt: skip
    verify._show(Values(
        task="classification", metrics={"top1": metric, "top5": metric}, drop=share(5, 1000),
        agreement=share(980, 1000), details={}, parts_agree=None, confidence=None, rejected=None, false_alarms=None,
        snr_db=24.2, golden=Values(identical=8, count=8, same_answer=8), flipped=[image], model="m.tflite",
        against="m.keras", pictures=1000, data="pictures", device="pi@pi4.local (Raspberry Pi 4 Model B Rev 1.4)",
    ))  # type: ignore[arg-type]  # fmt: skip


def _devices() -> None:
    remedy = "Its Python has no LiteRT. Let edgecnn install it: edgecnn devices check pi4 --fix"
    rows = [("Python", "3.11.2 in /home/pi/.local/share/edgecnn/venv", "ok", ""),
            ("LiteRT", "none", "problem", remedy)]  # fmt: skip
    devices._show([Values(topic=topic, value=value, level=level, remedy=told) for topic, value, level, told in rows])


def _data_report() -> None:
    train.show_data_report(
        DataReport({"training": {"ant": 120, "bee": 7}}, {"training": (("bee/a.jpg", "is empty"),)}, {})
    )


STAGED: dict[str, Show] = {
    "train": _train, "doctor": _doctor, "ladder": _ladder, "prune": _prune, "verify": _verify,
    "devices check": _devices, "data report": _data_report,
    "models": lambda: cli.main(["models"], standalone_mode=False),
    "models --wide lite": lambda: cli.main(["models", "lite", "--wide"], standalone_mode=False),
}  # fmt: skip


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache in which nothing grows or ages between a wide and a narrow table."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_CACHE", str(folder))
        for kind in ("pictures", "features"):
            (folder / f"{kind}-0123456789abcdef").mkdir()
            (folder / f"{kind}-0123456789abcdef" / "rows.npy").write_bytes(bytes(3_000_000))
            os.utime(folder / f"{kind}-0123456789abcdef", (0, time.time() - 100_000.0))
        yield


@pytest.fixture(scope="module")
def tables(tiny_int8: Path, own_cache: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Show]:
    """A function for each table, which shows it."""
    folder = tmp_path_factory.mktemp("tables")
    measured = str(folder / "profile.json")
    words = [
        "profile",
        str(tiny_int8),
        str(tiny_int8),
        "--threads",
        "1,2",
        "--runs",
        "6",
        "--per-op",
        "--sustained",
        "1",
    ]
    cli.main([*words, "--json", measured], standalone_mode=False)
    results = Results.from_dict(json.loads(Path(measured).read_text()))
    one = Results(results.profiles[:1], (), results.sustained[:1])
    commands = [
        ["inspect", str(tiny_int8), "--geometry"],
        ["inspect", str(tiny_int8), "--target", "edgetpu"],
        ["inspect", str(tiny_int8), str(tiny_int8)],
        ["devices", "list"],
        ["cache"],
    ]
    run: dict[str, Show] = {
        " ".join(words): lambda words=words: cli.main(words, standalone_mode=False)  # type: ignore[misc]
        for words in commands
    }
    return {
        **STAGED,
        **run,
        "profile": lambda: profile._show(one, []),
        "profile of several": lambda: profile._show(results, []),
    }


def _words(text: str) -> set[str]:
    return {word for word in text.split() if word.strip("─")}


def _piped(show: Show, patch: pytest.MonkeyPatch) -> str:
    stream = io.StringIO()
    with patch.context() as changed:
        changed.setattr(sys, "stdout", stream)
        changed.setattr(sys, "stderr", stream)
        show()
    return stream.getvalue()


def check_legible(text: str, whole: str, width: int | None) -> None:
    """Every word of a narrow text is a word of the whole one, and a line is too long only if it is one word."""
    told = "Left out, because the terminal is too narrow: Show all columns with --wide."
    names = {f"{word}{mark}" for word in _words(whole) for mark in ",."}
    assert _words(text) <= _words(whole) | _words(told) | names
    assert width is None or [line for line in text.split("\n") if cells(line) > width and len(line.split()) > 1] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_no_word_and_no_number_of_any_table_is_broken(
    tables: dict[str, Show], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, show in tables.items():
        text = shown(width, show, monkeypatch)
        check_legible(text, _piped(show, monkeypatch), None if "--wide" in name else width)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["models --wide lite", "train", "ladder", "verify", "doctor"])
def test_tables_look_as_they_did(name: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare with `tests/cli/tables/`; a file that is removed is written anew."""
    path = SNAPSHOTS / f"{name.replace(' ', '_')}_{width}.txt"
    text = shown(width, STAGED[name], monkeypatch)
    if not path.exists():
        path.write_text(text)
    assert text == path.read_text()


def test_a_stream_without_line_drawing_gets_hyphens(monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, encoding="ascii"))
    models._show(models._rows("lite0"), "")
    sys.stdout.flush()
    assert b"-----" in content.getvalue() and b"?" not in content.getvalue()


def test_a_narrow_terminal_is_told_what_it_does_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(60, lambda: models._show(models._rows("lite0"), ""), monkeypatch)
    assert "paper" in text.split("too narrow:")[1] and "Show all columns with --wide" in " ".join(text.split())
    wide = shown(60, STAGED["models --wide lite"], monkeypatch)
    assert "Tan and Le, 2019" in wide and "too narrow" not in wide


def test_columns_leave_by_importance_and_come_back_where_there_is_room() -> None:
    table = Table(
        ("name", "long text", "n"), [("alpha", "a long text", "1"), ("b", "another", "-23")], ("long text", "n")
    )
    assert table.laid_out(None).lines[2:] == (" alpha  a long text    1", " b      another      -23")
    narrow = table.laid_out(12)
    assert narrow.hidden == ("long text",) and narrow.lines[2:] == (" alpha    1", " b      -23")


def test_what_does_not_fit_in_columns_is_a_block_per_row() -> None:
    table = Table(("name", "what it is", "ms"), [("a_rather_long_name", "one two three", "12.5")])
    assert table.laid_out(24).lines == (
        " a_rather_long_name",
        "   what it is  one two",
        "               three",
        "   ms          12.5",
        "",
    )  # fmt: skip


def test_long_texts_are_wrapped_between_words_and_wide_letters_count_twice() -> None:
    table = Table(("名前", "why"), [("猫", "a reason that takes more than one line of the terminal")])
    lines = table.laid_out(40).lines
    assert all(cells(line) <= 40 for line in lines) and len(lines) == 4
    assert cells("猫a") == 3 and cells("e\u0301") == 1


def test_a_command_to_copy_is_not_broken() -> None:
    lines = wrapped("  Remedy: run `edgecnn devices check pi4 --fix` and wait.", 30)
    assert lines == ["  Remedy: run", "  `edgecnn devices check pi4 --fix`", "  and wait."]

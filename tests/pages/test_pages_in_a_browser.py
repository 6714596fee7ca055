"""Every page in a real browser: on a phone, on a desktop, dark, and on paper."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import Chromium
from requirements import needs_chromium

from edgecnn import artifact, reporting
from edgecnn.data import open_data
from edgecnn.devices import open_device
from edgecnn.html import charts
from edgecnn.html.page import chart, styled
from edgecnn.profiling import profile
from edgecnn.profiling.noise import Verdict
from edgecnn.profiling.per_op import measure
from edgecnn.profiling.sustained import Sustained, Window
from edgecnn.runtime.model import model_file
from edgecnn.training.epoch import Epoch
from edgecnn.training.history import History
from edgecnn.verification import verify

pytest.importorskip("matplotlib")
pytestmark = needs_chromium

CHARTS = {"report": 5, "doctor": 5, "inspect": 4, "compare": 2, "sweep": 1, "visualize": 2, "history": 2, "scales": 16}
"""How many charts each page has at least."""
PHONE, DESKTOP, PAPER = 390, 1280, 688  # CSS pixels; A4 without its margins of 14 mm is 182 mm wide
LONG = "a_directory/" * 4 + "MobilenetV1/a_layer_whose_name_has_no_end_at_all/depthwise_convolution.tflite"
BEYOND = """[...document.querySelectorAll('body *')].filter(element => {
    const box = element.getBoundingClientRect();
    if (!box.width || (box.left > -1 && box.right < innerWidth + 1)) return false;
    for (let outer = element.parentElement; outer; outer = outer.parentElement)
        if (getComputedStyle(outer).overflowX === 'auto') return false;
    return true;
}).map(element => element.tagName + ' ' + element.textContent.slice(0, 40))"""
SCROLLING = """[...document.querySelectorAll('.scroll, pre')].filter(e => e.scrollWidth > e.clientWidth).map(e => ({
    shadows: getComputedStyle(e).backgroundImage.split('linear-gradient').length - 1, reached: e.tabIndex}))"""
DRAWINGS = """[...document.querySelectorAll('svg')].map(svg => {
    const box = element => { const b = element.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom] };
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    const named = kind => [...svg.querySelectorAll('.' + kind + ' text')].map(text => text.textContent).join(' ');
    return {box: box(svg), x: named('x-label'), y: named('y-label'), bars: svg.querySelectorAll('.bars').length,
        texts: [...svg.querySelectorAll('text')].map(text => ({text: text.textContent, box: box(text),
            pixels: parseFloat(getComputedStyle(text).fontSize) * scale}))} })"""
LIGHT = "getComputedStyle(document.documentElement).getPropertyValue('--ground').trim()"


def _report(keras: Path, int8: Path, folder: Path) -> str:
    file = model_file.read(int8)
    file = artifact.rewrite(folder / "named.tflite", file, file.contract.replace(labels=(LONG, "b", "c", "d", "e")))
    found = verify(file, keras, open_data("photos:test").sample(12))
    measured = profile(folder / "named.tflite", threads=1, runs=20)
    row = dataclasses.replace(measured.rows[0], noise=Verdict(True, ("Runs differ.",), ("Others ran.",)))
    windows = tuple(Window(float(end), 100.0 - end, 10.0, 12.0, 50.0 + end, 1500.0 + end) for end in range(1, 20))
    minutes = Sustained("m", "pi", "cpu", 4, 20.0, windows, 99.0, 83.0, 0.16, (), False)
    measured = dataclasses.replace(measured, rows=(row,))
    return reporting.report(
        folder / "named.tflite",
        found,
        [measured],
        f"[model]\nname = '{LONG}'",
        [measure(file, open_device("local"))],
        [minutes],
    )


def _doctor(keras: Path, int8: Path) -> str:
    from edgecnn.verification.doctor import diagnose
    from edgecnn.verification.doctor.page import render

    return render(*diagnose(model_file.read(int8), str(keras), open_data("photos:test").sample(8)))


def _inspections(keras: Path, int8: Path) -> dict[str, str]:
    from edgecnn.inspection import page
    from edgecnn.inspection.analysis import analyze
    from edgecnn.inspection.compare import compare
    from edgecnn.inspection.opening import open_model
    from edgecnn.inspection.sweep import Point

    sources = [open_model(str(path)) for path in (keras, int8)]
    reports = [analyze(source.network) for source in sources]
    points = [Point(size, 1000 * size**2, 100 * size, 1e-4 * size**2, 5) for size in (96, 160, 224)]
    return {
        "inspect": page.report_page(reports[1], sources[1]),
        "compare": page.comparison_page([LONG, LONG], reports, compare(*reports)),
        "sweep": page.sweep_page({LONG: points, "b": points}),
    }


def _visualize(int8: Path) -> str:
    from edgecnn.inspection.opening import open_model
    from edgecnn.visualization import page, translation
    from edgecnn.visualization.subject import subject

    shown = subject(open_model(str(int8)))
    picture = np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8)
    fitted = translation.shifted(shown, picture, 2)[1][2]
    return page.html(shown, fitted, LONG, [translation.panel(shown, picture, 2)])


@pytest.fixture(scope="module")
def pages(tiny_keras: Path, tiny_int8: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    epochs = [Epoch(number, 1 / number, 50 + number, 1.1 / number, 40 + number, 1e-3, 1.0) for number in range(1, 4)]
    head = '<!doctype html><meta name="viewport" content="width=device-width">'
    made = {
        "report": _report(tiny_keras, tiny_int8, folder),
        "doctor": _doctor(tiny_keras, tiny_int8),
        "visualize": _visualize(tiny_int8),
        "history": head + History(tuple(epochs), 3)._repr_html_(),
        "scales": head + _scales(),
        **_inspections(tiny_keras, tiny_int8),
    }
    for name, html in made.items():
        (folder / f"{name}.html").write_text(html)
    return folder


def _scales() -> str:
    """Charts whose numbers are long."""
    drawn = []
    for most in (3e-5, 0.0028, 0.003, 0.03, 12.5, 9876.5, 123_456.0, 1.2e6):
        items = [(f"layer {number}", most / number, "some") for number in range(1, 14)]
        drawn.append(charts.bars(items, "ms per inference", summary="all"))
        drawn.append(charts.histogram([most / 10, most / 5, most], "latency in ms", marks=[(most / 2, "median")]))
    return styled("".join(chart(drawing) for drawing in drawn))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile"), dark=True) as running:
        yield running


def media(browser: Chromium, kind: str) -> None:
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    browser.send("Emulation.setEmulatedMedia", media=kind, features=[dark])


def opened(browser: Chromium, page: Path, width: int, kind: str = "screen") -> None:
    media(browser, kind)
    browser.size(width, 844)
    browser.open(page.as_uri())
    browser.wait_for(f"location.href === '{page.as_uri()}' && document.readyState === 'complete'")
    browser.run("document.querySelectorAll('details').forEach(details => { details.open = true })")


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("name", CHARTS)
def test_what_is_wider_than_the_screen_scrolls_visibly(browser: Chromium, pages: Path, name: str, width: int) -> None:
    opened(browser, pages / f"{name}.html", width)
    assert browser.run("innerWidth") == width
    assert browser.run("(root => root.scrollWidth - root.clientWidth)(document.documentElement)") == 0
    assert browser.run(BEYOND) == []
    scrolling = browser.run(SCROLLING)
    assert all(element == {"shadows": 4, "reached": 0} for element in scrolling)
    assert scrolling or (name, width) not in [("inspect", PHONE), ("doctor", PHONE)]


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("name", CHARTS)
def test_charts_name_their_axes_and_are_legible(browser: Chromium, pages: Path, name: str, width: int) -> None:
    opened(browser, pages / f"{name}.html", width)
    drawings = browser.run(DRAWINGS)
    assert len(drawings) >= CHARTS[name]
    for drawing in drawings:
        assert drawing["x"] and (drawing["y"] or drawing["bars"]), drawing
        assert min(text["pixels"] for text in drawing["texts"]) >= 11
        left, top, right, bottom = drawing["box"]
        for text in drawing["texts"]:
            a, b, c, d = text["box"]
            assert left - 1 <= a and top - 1 <= b and c <= right + 1 and d <= bottom + 1, text
        assert _overlapping(drawing["texts"]) == []


def _overlapping(texts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Texts that cover each other by more than what a line's box has above and below its letters."""
    return [
        (one["text"], other["text"])
        for index, one in enumerate(texts)
        for other in texts[index + 1 :]
        if min(one["box"][2], other["box"][2]) - max(one["box"][0], other["box"][0]) > 1
        and min(one["box"][3], other["box"][3]) - max(one["box"][1], other["box"][1]) > 5
    ]


@pytest.mark.parametrize("name", [name for name in CHARTS if name not in ("history", "scales")])
def test_a_dark_page_is_printed_light_and_whole(browser: Chromium, pages: Path, name: str) -> None:
    opened(browser, pages / f"{name}.html", PAPER)
    assert browser.run(LIGHT) == "#14171a"
    opened(browser, pages / f"{name}.html", PAPER, "print")
    assert browser.run(LIGHT) == "#ffffff"
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run("getComputedStyle(document.body).color") == "rgb(26, 29, 33)"
    assert browser.run("document.documentElement.scrollWidth") <= PAPER
    assert browser.run(BEYOND) == []
    clipped = "[...document.querySelectorAll('.scroll, pre')].map(e => getComputedStyle(e).overflowX)"
    assert set(browser.run(clipped)) == {"visible"}
    tallest = browser.run(
        "Math.max(...[...document.querySelectorAll('svg')].map(e => e.getBoundingClientRect().height))"
    )
    assert tallest <= 900  # an A4 page has 1017 CSS pixels between its margins


def test_two_models_of_one_name_are_told_apart(browser: Chromium, pages: Path) -> None:
    opened(browser, pages / "compare.html", PHONE)
    bars, curves = browser.run(DRAWINGS)
    assert {text["text"][:3] for text in bars["texts"] if ":" in text["text"]} == {"A: ", "B: "}
    assert {text["text"][:3] for text in curves["texts"] if ":" in text["text"]} == {"A: ", "B: "}
    for kind in ("bar", "curve"):
        styles = browser.run(f"[...document.querySelectorAll('svg .{kind} path')].map(e => e.getAttribute('style'))")
        assert len({re.search(r"--\w+", style).group() for style in styles}) == 2, kind
    header = browser.run("[...document.querySelectorAll('th.number')].slice(0, 3).map(e => e.textContent)")
    assert header == ["A", "B", "B to A"]

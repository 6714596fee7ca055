"""The page of a detector in a real browser: boxes on the image, lines and zones drawn with the mouse."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from chromium import Chromium
from requirements import needs_chromium
from tiny_detectors import noise

from edgecnn.camera.demo import Demo
from edgecnn.camera.settings import DemoOptions

pytestmark = needs_chromium
PLACE = """(([x, y]) => {
  const frame = $('canvas').getBoundingClientRect();
  return [frame.left + x * frame.width, frame.top + y * frame.height];
})"""


@pytest.fixture(scope="module")
def demo(tiny_detector: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    source = tmp_path_factory.mktemp("source") / "a.png"
    cv2.imwrite(str(source), noise(np.random.default_rng(3), 480, 640))
    demo = Demo(
        DemoOptions(str(tiny_detector / "d.tflite"), source=str(source), loop=True, threshold=0.9, lines=("a=0,0,1,0",))
    )
    thread = threading.Thread(target=demo.run)
    thread.start()
    yield demo
    demo.stop()
    thread.join(20)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    with Chromium(tmp_path / "profile") as browser:
        yield browser


def mouse(browser: Chromium, kind: str, place: tuple[float, float]) -> None:
    x, y = browser.run(f"{PLACE}({list(place)})")
    browser.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def regions(browser: Chromium, count: int) -> list[dict]:
    browser.wait_for(f"last.regions.length === {count}")
    return browser.run("last.regions")


def test_boxes_are_drawn_and_regions_by_the_mouse(browser: Chromium, demo: Demo) -> None:
    browser.size(1280, 1400)  # so high that the canvas is as wide as its image
    browser.open(demo.addresses[0])
    browser.wait_for("last && last.objects && last.classes.length && last.classes[0].track")
    assert browser.run("$('h-top').textContent") == "Objects"
    assert " in sight, " in browser.run("$('top').textContent") and "in 0; out 0" in browser.run("$('top').textContent")
    pixel = """(() => {
      const [left, top, right, bottom] = last.classes[0].pixels, scale = $('canvas').width / last.width;
      const at = [Math.round(left * scale), Math.round((top + bottom) / 2 * scale)];
      const [r, g, b] = $('canvas').getContext('2d').getImageData(...at, 1, 1).data;
      return '#' + [r, g, b].map(v => v.toString(16).padStart(2, '0')).join('') === color(last.classes[0].label);
    })()"""
    browser.wait_for(pixel)

    browser.run("$('line').click()")
    assert browser.run("$('line').getAttribute('aria-pressed')") == "true"
    mouse(browser, "mousePressed", (0.2, 0.6))
    mouse(browser, "mouseMoved", (0.5, 0.6))
    mouse(browser, "mouseReleased", (0.8, 0.6))
    _, line = regions(browser, 2)
    assert (line["kind"], line["name"]) == ("line", "line 1")
    assert np.allclose(line["points"], [[0.2, 0.6], [0.8, 0.6]], atol=0.01)

    browser.press("z")
    for corner in ((0.1, 0.1), (0.9, 0.1), (0.5, 0.9), (0.1, 0.1)):
        mouse(browser, "mousePressed", corner)
        mouse(browser, "mouseReleased", corner)
    zone = regions(browser, 3)[2]
    assert (zone["kind"], len(zone["points"])) == ("zone", 3)
    browser.wait_for("last.objects.zones['zone 1']")
    browser.wait_for("[...history.values()].some(entry => entry.now && total(entry.now))")
    strip = browser.run("$('strip').getAttribute('aria-label')")
    assert all(f"{label} " in strip for label in browser.run("Object.keys(last.objects.now)"))
    assert "objects in sight, at most " in browser.run("$('most').textContent")

    browser.run("last.regions = []; send({kind: 'line', points: [[0.1, 0.5], [0.9, 0.5]]})")  # a page that is behind
    assert [each["name"] for each in regions(browser, 4)] == ["a", "line 1", "zone 1", "line 2"]

    browser.run("$('clear').click()")
    assert regions(browser, 0) == []

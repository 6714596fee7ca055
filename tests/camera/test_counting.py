"""Lines and zones: what is counted is what was moved there, and what is no region is one sentence."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from edgecnn.camera.overlay import draw_regions
from edgecnn.camera.regions import LINE, MOST, ZONE, Counter, Point, Region, Scene, check_all
from edgecnn.camera.settings import DemoOptions
from edgecnn.core.errors import UsageError
from edgecnn.core.options import SettingError

DOOR = Region.parse(LINE, "door=0.2,0.5,0.8,0.5", 1)
YARD = Region.parse(ZONE, "yard=0,0.5,1,0.5,1,1,0,1", 1)


def walk(counter: Counter, *places: Point, number: int = 1, label: str = "cat", fps: float = 10) -> Scene:
    for frame, place in enumerate(places):
        scene = counter([(number, label, place)], {label: 1}, frame / fps)
    return scene


def test_a_line_counts_each_direction_and_class() -> None:
    """In is from its left to its right side, seen from its first point: here downward."""
    counter = Counter([DOOR])
    walk(counter, (0.5, 0.2), (0.5, 0.4), (0.5, 0.6), (0.5, 0.9))
    walk(counter, (0.3, 0.8), (0.3, 0.1), number=2)
    scene = walk(counter, (0.5, 0.1), (0.5, 0.9), number=3, label="dog")
    assert scene.lines == {"door": {"in": {"cat": 1, "dog": 1}, "out": {"cat": 1}}}
    assert scene.caption(DOOR) == "door: in 2, out 1"


@pytest.mark.parametrize(
    ("places", "crossed"),
    [
        ([(0.5, 0.495), (0.5, 0.505), (0.5, 0.492), (0.5, 0.508)], 0),  # trembles on the line
        ([(0.5, 0.4), (0.5, 0.497), (0.5, 0.503), (0.5, 0.499), (0.5, 0.6)], 1),  # and then passes it
        ([(0.1, 0.4), (0.1, 0.6)], 0),  # passes beside it
        ([(0.5, 0.4), (0.9, 0.45), (0.9, 0.6)], 0),  # walks around its end
        ([(0.5, 0.4), (0.5, 0.6), (0.5, 0.4), (0.5, 0.6)], 2),
    ],
)
def test_what_passes_a_line(places: list[Point], crossed: int) -> None:
    scene = walk(Counter([DOOR]), *places)
    assert sum(scene.lines["door"]["in"].values()) == crossed


def test_objects_without_a_number_pass_no_line() -> None:
    assert walk(Counter([DOOR]), (0.5, 0.4), (0.5, 0.6), number=0).lines == {"door": {"in": {}, "out": {}}}


def test_a_zone_counts_what_is_in_it() -> None:
    scene = Counter([YARD])([(1, "cat", (0.5, 0.7)), (2, "cat", (0.5, 0.2)), (0, "dog", (0.9, 0.99))], {"cat": 5}, 0.0)
    assert scene.zones == {"yard": {"cat": 1, "dog": 1}}
    assert scene.to_json() == {"now": {"cat": 2, "dog": 1}, "seen": {"cat": 5}, "zones": scene.zones}
    assert scene.caption(YARD) == "yard: 1 cat, 1 dog"


def test_points_in_polygons_of_any_shape() -> None:
    """Against the winding number of a star, which has corners that point inward."""
    corners = tuple(
        (0.5 + radius * math.cos(math.pi * k / 5), 0.5 + radius * math.sin(math.pi * k / 5))
        for k, radius in enumerate([0.45, 0.2] * 5)
    )
    star = Region(ZONE, "star", corners)
    for x, y in np.random.default_rng(0).random((500, 2)):
        angles = np.arctan2([cy - y for _, cy in corners], [cx - x for cx, _ in corners])
        turns = np.diff(np.append(angles, angles[0]))
        winding = round(float(np.sum((turns + np.pi) % (2 * np.pi) - np.pi)) / (2 * np.pi))
        assert star.holds((float(x), float(y))) == (winding != 0)


def test_regions_may_be_replaced_and_keep_their_counts() -> None:
    counter = Counter([DOOR])
    walk(counter, (0.5, 0.4), (0.5, 0.6))
    counter.replace([YARD, DOOR])
    scene = walk(counter, (0.5, 0.9), number=2)
    assert scene.lines["door"]["in"] == {"cat": 1} and scene.zones["yard"] == {"cat": 1}
    moved = Region(LINE, "door", ((0.1, 0.1), (0.9, 0.1)))
    counter.replace([moved])
    assert walk(counter, (0.5, 0.9), number=3).lines == {"door": {"in": {}, "out": {}}}
    with pytest.raises(UsageError, match="two lines or zones are called 'door'"):
        counter.replace([DOOR, moved])
    assert counter.regions == (moved,)
    with pytest.raises(UsageError, match=f"at most {MOST}"):
        check_all([Region(LINE, str(number), DOOR.points) for number in range(MOST + 1)])


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("line", "0,0,1", "expected [NAME=]X,Y,X,Y, for example"),
        ("line", "0,0,1,1,0.5,0.5", "expected [NAME=]X,Y,X,Y with different points"),
        ("line", "0.5,0.5,0.5,0.5", "different points"),
        ("line", "a=0,0,1,nan", "shares of the image, 0 to 1"),
        ("line", "a=0,0,1,1.5", "the line is 0,0,1,1.5"),
        ("line", "a\x07=0,0,1,1", "printable characters"),
        ("zone", "0,0,1,1", "expected [NAME=]X,Y,X,Y,X,Y..."),
        ("zone", "", "received ''"),
    ],
)
def test_what_is_no_region_is_one_sentence(option: str, text: str, said: str) -> None:
    with pytest.raises(SettingError) as caught:
        DemoOptions(model="m.tflite", **{f"{option}s": (text,)})
    message = caught.value.spelled(lambda key: f"--{key}")
    assert message.startswith(f"--{option}") and said in message and "\n" not in message


def test_one_that_is_drawn_comes_to_those_of_others() -> None:
    counter = Counter([Region(LINE, "line 1", DOOR.points)])
    counter.add(Region(LINE, "new", DOOR.points))
    counter.add(Region(ZONE, "new", YARD.points))
    assert [region.name for region in counter.regions] == ["line 1", "line 2", "zone 1"]
    counter.replace([Region(LINE, f"line {number}", DOOR.points) for number in range(MOST)])
    with pytest.raises(UsageError, match="expected at most"):
        counter.add(DOOR)


def test_regions_travel_to_a_board() -> None:
    options = DemoOptions(model="m.tflite", lines=("a=0,0,1,1", "0,1,1,0"), zones=("0,0,1,0,1,1",))
    assert [(region.kind, region.name) for region in options.regions] == [
        ("line", "a"), ("line", "line 2"), ("zone", "zone 1"),
    ]  # fmt: skip
    assert DemoOptions.from_json(options.to_json()).regions == options.regions
    assert [Region.from_json(json.loads(json.dumps(each.to_json()))) for each in options.regions] == [*options.regions]


@pytest.mark.parametrize(
    "value",
    [None, 3, {}, {"kind": "line"}, {"kind": "circle", "name": "a", "points": [[0, 0], [1, 1]]},
     {"kind": "line", "name": "a", "points": [[0, 0], [1, 1, 1]]},
     {"kind": "line", "name": "", "points": [[0, 0], [1, 1]]},
     {"kind": "zone", "name": "a", "points": [[0, float("inf")]] * 3}, {"kind": "zone", "name": "a", "points": "abc"}],
)  # fmt: skip
def test_regions_of_strangers(value: object) -> None:
    with pytest.raises(UsageError):
        Region.from_json(value)


def test_they_are_drawn_with_their_counts() -> None:
    canvas = np.zeros((240, 320, 3), np.uint8)
    draw_regions(canvas, Counter([DOOR, YARD])([], {}, 0.0))
    assert canvas[120, 100:220].any(axis=1).all()  # the line, and the zone's upper edge
    assert canvas[120:, 1].any() and not canvas[:60].any()

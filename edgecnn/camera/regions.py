"""Lines and zones in a camera's image, and what is counted at them.

Coordinates are shares of the image: x from the left, y from the top, 0 to 1. An object is where the middle of its box's
lower edge is: there it stands on the ground.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgecnn.core.errors import UsageError
from edgecnn.core.text import printable

LINE, ZONE = "line", "zone"
Point = tuple[float, float]
Counts = dict[str, int]
"""How many, by label."""
SYNTAX: Mapping[str, str] = {LINE: "[NAME=]X,Y,X,Y", ZONE: "[NAME=]X,Y,X,Y,X,Y..."}
EXAMPLE: Mapping[str, str] = {LINE: "door=0.1,0.6,0.9,0.6", ZONE: "yard=0,0.5,1,0.5,1,1,0,1"}
_MOST_POINTS, _LONGEST_NAME, MOST = 64, 60, 32
_BAND = 0.01  # nearer to a line, an object is on neither side: boxes tremble
_FORGOTTEN_S = 60.0  # after which an object that is out of sight has left


@dataclass(frozen=True)
class Region:
    """A line, with two points, or a zone, a polygon with at least three.

    Attributes:
        kind: "line" or "zone".
        name: for people.
        points: (x, y) each.
    """

    kind: str
    name: str
    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        fitting = len(self.points) == 2 if self.kind == LINE else 3 <= len(self.points) <= _MOST_POINTS
        inside = all(0 <= value <= 1 for point in self.points for value in point)
        apart = len(set(self.points)) == len(self.points)
        if not (fitting and inside and apart):
            shown = ",".join(f"{value:g}" for point in self.points for value in point)
            raise UsageError(
                f"the {self.kind} is {shown or 'empty'}; expected {SYNTAX[self.kind]} with different points whose "
                f"coordinates are shares of the image, 0 to 1: for example {EXAMPLE[self.kind]}."
            )
        if not self.name or len(self.name) > _LONGEST_NAME or self.name != printable(self.name):
            raise UsageError(
                f"the {self.kind}'s name is {printable(self.name)[:80]!r}; expected 1 to {_LONGEST_NAME} printable "
                "characters."
            )

    @classmethod
    def parse(cls, kind: str, text: str, number: int) -> Region:
        """What a person wrote.

        Args:
            kind: "line" or "zone".
            text: see `SYNTAX`.
            number: for the name of one that has none: "line 1".

        Raises:
            UsageError: it is none.
        """
        name, equals, rest = text.rpartition("=")
        try:
            values = [float(part) for part in rest.split(",")]
        except ValueError:
            values = []
        if not values or len(values) % 2:
            raise UsageError(f"received {text!r}; expected {SYNTAX[kind]}, for example {EXAMPLE[kind]}.")
        return cls(kind, name.strip() if equals else f"{kind} {number}", tuple(zip(values[::2], values[1::2])))

    @classmethod
    def from_json(cls, value: Any) -> Region:
        """The inverse of `to_json`, of anybody.

        Raises:
            UsageError: it is none.
        """
        try:
            points = tuple((float(x), float(y)) for x, y in value["points"])
            kind, name = str(value["kind"]), str(value["name"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UsageError("a region is not an object with kind, name and points [[x, y], ...].") from error
        if kind not in SYNTAX:
            raise UsageError(f"the kind of a region is {printable(kind)[:80]!r}; expected {' or '.join(SYNTAX)}.")
        return cls(kind, name, points)

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {"kind": self.kind, "name": self.name, "points": [list(point) for point in self.points]}

    def holds(self, point: Point) -> bool:
        """Whether a point lies in the zone: a ray to the right crosses its border an odd number of times."""
        x, y = point
        inside = False
        for (x0, y0), (x1, y1) in zip(self.points, self.points[1:] + self.points[:1]):
            if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
                inside = not inside
        return inside

    def side(self, point: Point) -> int:
        """Of a line: 1 on its right, seen from its first point to its second, -1 on its left, 0 near to it."""
        (x0, y0), (x1, y1) = self.points
        distance = ((x1 - x0) * (point[1] - y0) - (y1 - y0) * (point[0] - x0)) / math.hypot(x1 - x0, y1 - y0)
        return 0 if abs(distance) < _BAND else 1 if distance > 0 else -1

    def is_passed(self, start: Point, end: Point) -> bool:
        """Whether the way from one side of the line to the other leads between its points."""
        (x0, y0), (x1, y1) = start, end
        dx, dy = x1 - x0, y1 - y0
        first, second = ((dx * (y - y0) - dy * (x - x0)) for x, y in self.points)
        return first * second <= 0


def check_all(regions: Sequence[Region]) -> tuple[Region, ...]:
    """The regions, if their names differ.

    Raises:
        UsageError: they don't, or there are too many.
    """
    names = [region.name for region in regions]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two lines or zones are called {twice!r}. Give them different names: {EXAMPLE[LINE]}.")
    if len(regions) > MOST:
        raise UsageError(f"there are {len(regions)} lines and zones; expected at most {MOST}.")
    return tuple(regions)


@dataclass(frozen=True)
class Scene:
    """What is counted, at one frame.

    Attributes:
        regions: lines and zones.
        now: objects in sight.
        seen: objects that were ever in sight.
        lines: name -> how many passed the line "in", from its left to its right side, and "out".
        zones: name -> objects in it now.
    """

    regions: tuple[Region, ...]
    now: Counts
    seen: Counts
    lines: dict[str, dict[str, Counts]]
    zones: dict[str, Counts]

    def to_json(self) -> dict[str, Any]:
        """JSON values; the regions are not in it."""
        found: dict[str, Any] = {"now": self.now, "seen": self.seen}
        return {
            **found,
            **({"lines": self.lines} if self.lines else {}),
            **({"zones": self.zones} if self.zones else {}),
        }

    def caption(self, region: Region) -> str:
        """What was counted at a region, in a few words."""
        if region.kind == ZONE:
            return f"{region.name}: {_listed(self.zones.get(region.name, {}))}"
        ways = self.lines.get(region.name, {})
        return f"{region.name}: " + ", ".join(f"{way} {sum(ways.get(way, {}).values())}" for way in ("in", "out"))


def _listed(counts: Counts) -> str:
    return ", ".join(f"{count} {label}" for label, count in counts.items()) or "0"


class Counter:
    """Counts objects that have numbers; regions may be replaced by any thread at any time.

    Args:
        regions: lines and zones.
    """

    def __init__(self, regions: Sequence[Region] = ()) -> None:
        self.regions = check_all(regions)
        self._changes = threading.Lock()
        self._passed: dict[Region, dict[str, Counts]] = {}
        self._last: dict[tuple[Region, int], tuple[int, Point, float]] = {}

    def replace(self, regions: Sequence[Region]) -> None:
        """Other lines and zones; one that stays keeps its counts.

        Raises:
            UsageError: names are not different, or there are too many.
        """
        with self._changes:
            self.regions = check_all(regions)

    def add(self, region: Region) -> None:
        """One more, with a name that none of the others has: "line 1".

        Raises:
            UsageError: there are too many.
        """
        with self._changes:
            names = {each.name for each in self.regions}
            free = next(name for number in itertools.count(1) if (name := f"{region.kind} {number}") not in names)
            self.regions = check_all((*self.regions, dataclasses.replace(region, name=free)))

    def __call__(self, objects: Sequence[tuple[int, str, Point]], seen: Counts, at: float) -> Scene:
        """Count at one frame.

        Args:
            objects: number (0 for none yet), label and place of each that is in sight.
            seen: by label, how many were ever in sight.
            at: when, in seconds.
        """
        regions = self.regions
        lines = [region for region in regions if region.kind == LINE]
        for line in lines:
            for number, label, place in objects:
                if number:
                    self._follow(line, number, label, place, at)
        self._last = {key: kept for key, kept in self._last.items() if key[0] in lines and _lasts(kept[2], at)}
        return Scene(
            regions,
            _by_label(label for _, label, _ in objects),
            dict(seen),
            {line.name: {way: dict(counts) for way, counts in self._of(line).items()} for line in lines},
            {
                zone.name: _by_label(label for _, label, place in objects if zone.holds(place))
                for zone in regions
                if zone.kind == ZONE
            },
        )

    def _of(self, line: Region) -> dict[str, Counts]:
        return self._passed.setdefault(line, {"in": {}, "out": {}})

    def _follow(self, line: Region, number: int, label: str, place: Point, at: float) -> None:
        side = line.side(place)
        before = self._last.get((line, number))
        if side and before and side != before[0] and line.is_passed(before[1], place):
            counts = self._of(line)["in" if side > 0 else "out"]
            counts[label] = counts.get(label, 0) + 1
        if side:
            self._last[line, number] = (side, place, at)
        elif before:
            self._last[line, number] = (*before[:2], at)


def _lasts(since: float, now: float) -> bool:
    return 0 <= now - since <= _FORGOTTEN_S


def _by_label(labels: Any) -> Counts:
    counts: Counts = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    return counts

"""JSON answers that are almost as they should be: changed by kind, length, presence or syntax, the same for a seed."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from typing import Any

CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What must not reach a terminal; a line break may."""
NESTED = "[" * 100_000
VALUES = (
    *(None, True, False, 0, -1, 1, 3.5, 10**400, -(10**30), 1e308, -1e308, 5e-324, float("nan"), float("inf"), NESTED),
    *("", "x", "\x1b[2J\x1b]0;title\x07", "\ud800", "\u202egnp", "[/red]", "0", "1.2", "9" * 5000, "x" * 200_000),
    *([], {}, [[]], [None], ["x"], {"x": 1}, [1, 2, 3], {"": {}}, "../../etc", "a\nb", "\x00", "-1", "1e999"),
)


def mutants(values: Any, count: int, seed: str) -> Iterator[str]:
    """JSON texts that differ from a sound one in one to three places, by kind, length, presence or syntax."""
    draw = random.Random(seed)
    for _ in range(count):
        mutant = copy.deepcopy(values)
        for _ in range(draw.choice((1, 1, 1, 2, 3))):
            mutant = changed(mutant, draw)
        stdout = json.dumps(mutant).replace(f'"{NESTED}"', NESTED)
        if draw.random() < 0.1:
            stdout = damaged(stdout, draw)
        yield stdout


def changed(values: Any, draw: random.Random) -> Any:
    """One change anywhere in it, in place unless it is at the root."""
    places = list(walk(values))
    if not places or draw.random() < 0.02:
        return draw.choice(VALUES)
    home, key = draw.choice(places)
    action = draw.choice(("replace", "replace", "replace", "remove", "repeat", "swap"))
    if action == "replace":
        home[key] = copy.deepcopy(draw.choice(VALUES))
    elif action == "remove":
        del home[key]
    elif action == "repeat":
        home[key] = [home[key]] * draw.choice((0, 1, 2, 3000))
    else:
        other_home, other_key = draw.choice(places)
        home[key] = copy.deepcopy(other_home[other_key])
    return values


def walk(values: Any) -> Iterator[tuple[Any, Any]]:
    """Every place: what holds it, and its key or index; of long lists only the first items."""
    if not isinstance(values, (dict, list)):
        return
    for key in list(values) if isinstance(values, dict) else range(min(3, len(values))):
        yield values, key
        yield from walk(values[key])


def damaged(stdout: str, draw: random.Random) -> str:
    """Cut off, with a piece missing, or with a greeting before it."""
    start = draw.randrange(len(stdout))
    return draw.choice(
        (stdout[:start], stdout[:start] + stdout[start + 9 :], "Welcome!\n" + stdout, stdout * 2, "\x1b")
    )

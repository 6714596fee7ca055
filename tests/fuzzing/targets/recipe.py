"""Recipes, and the state of the run before."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

from json_mutants import mutants

from fuzzing import mutate
from fuzzing.case import Case

_RECIPES = Path(__file__).parents[3] / "recipes"
_VALUES = (
    "nan",
    "inf",
    "-1",
    "0",
    "true",
    '"x"',
    "[]",
    "{}",
    "[" * 5000,
    "1979-05-27",
    "1e400",
    "99999999999999999999",
    '""',
    "[1, 'a']",
    "'''",
    "",
)

_SMALL = b"""[model]
name = "mobilenet_v1"
input_size = 32
width = 0.25
classes = 2
[quantize]
calibration = "nowhere"
"""


class Fuzz:
    """See `Target`."""

    HOST = True

    def __init__(self, corpus: Sequence[Path]) -> None:
        self.recipes = [path.read_text() for path in sorted(_RECIPES.glob("*.toml"))]

    def case(self, draw: random.Random) -> Case:
        """A recipe that is changed so that no stage can begin, or a state that is."""
        text = draw.choice(self.recipes)
        for _ in range(draw.choice((1, 2, 4))):
            lines = text.splitlines()
            place = draw.randrange(len(lines))
            lines[place] = _line(lines[place], draw)
            text = "\n".join(lines)
        text += '\n[verify]\ndata = "nowhere"\n' if "[verify]" not in text else ""
        # Data that is installed here would let an unchanged recipe train for minutes.
        data = re.sub('"(photos|fashion-mnist)[^"]*"', '"nowhere"', text).encode(errors="surrogatepass")
        content: bytes | str = mutate.octets(data, draw) if draw.random() < 0.3 else data
        if draw.random() < 0.05:
            content = draw.choice(
                (
                    "fifo",
                    "folder",
                    "link:/dev/zero",
                    b"\xef\xbb\xbf" + data,
                    data.decode(errors="replace").encode("utf-16"),
                )
            )
        files: dict[str, bytes | str] = {"r.toml": content}
        if draw.random() < 0.2:
            state = {"build": {"fingerprint": "x", "outputs": {"float.keras": "y"}}}
            files["out/state.json"] = next(mutants(state, 1, str(draw.random()))).encode(errors="surrogatepass")
            files["r.toml"] = _SMALL
        return Case(["run", "r.toml", "-o", "out"], files)


def _line(line: str, draw: random.Random) -> str:
    key, equals, value = line.partition("=")
    action = draw.choice(("value", "value", "key", "repeat", "header", "text"))
    if action == "value" and equals:
        return f"{key}= {draw.choice(_VALUES)}"
    if action == "key":
        return f"{draw.choice(('x', 'a.b', chr(27), '[x', '[[x]]'))} ={value}"
    if action == "repeat":
        return f"{line}\n{line}"
    if action == "header":
        return f"[{draw.choice(('model', 'train', 'prune', 'qat', 'profile', 'x', 'model.x'))}]"
    return f"{key or 'x'} = {json.dumps(draw.choice(mutate.HOSTILE))}"

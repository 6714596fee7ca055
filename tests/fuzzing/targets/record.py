"""The JSON that `verify` and `profile` write, given to `report`."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

from json_mutants import mutants
from records.record_examples import example

from edgecnn.profiling.results import Results
from edgecnn.verification import Verification
from fuzzing import models, mutate
from fuzzing.case import Case

_WRITTEN = Path(__file__).parents[2] / "records" / "of_0_1"


class Fuzz:
    """See `Target`."""

    HOST = False

    def __init__(self, corpus: Sequence[Path]) -> None:
        stored = {path.name: json.loads(path.read_text()) for path in _WRITTEN.glob("*.json")}
        self.verifications = [
            example(Verification).to_dict(),
            stored["verification.json"],
            stored["verification_unlabeled.json"],
        ]
        self.profiles = [example(Results).to_dict(), stored["profile.json"], stored["profile_all.json"]]
        self.model = models.seeds(())[0]

    def case(self, draw: random.Random) -> Case:
        """A report of a mutant of one of them."""
        option, values = draw.choice((("--verification", self.verifications), ("--profile", self.profiles)))
        one = draw.choice(values)
        if draw.random() < 0.3:
            one = _hostile(one, draw)
        content: bytes | str = next(mutants(one, 1, str(draw.random()))).encode(errors="surrogatepass")
        if draw.random() < 0.1:
            content = draw.choice(
                (mutate.octets(content, draw), b"\xef\xbb\xbf" + content, "fifo", "folder", "link:/dev/zero")
            )
        words = ["report", "m.tflite", "-o", "page.html", option, "r.json"]
        return Case(words, {"m.tflite": self.model, "r.json": content}, pages=("page.html",))


def _hostile(values: object, draw: random.Random) -> object:
    """The same with hostile texts, of those that a record takes, in half of its places."""
    if isinstance(values, dict):
        return {key: _hostile(value, draw) for key, value in values.items()}
    if isinstance(values, list):
        return [_hostile(value, draw) for value in values]
    return draw.choice(mutate.MARKS) if isinstance(values, str) and draw.random() < 0.5 else values

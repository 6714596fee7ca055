"""The rules beside what the real compiler did: models with the operators that it left outside of its own."""

import json

import pytest
from requirements import NOTHING_SHARED, SHARED, WITHOUT_SHARED

from edgecnn import targets
from edgecnn.runtime.model import tflite

FOLDER = SHARED / "edgetpu_pairs"
PAIRS = [json.loads(line) for line in (FOLDER / "mapped.jsonl").read_text().splitlines()] if FOLDER.is_dir() else []

pytestmark = pytest.mark.skipif(not PAIRS, reason=WITHOUT_SHARED)


def _by_rules(pair):
    report = targets.check(tflite.parse((FOLDER / pair["file"]).read_bytes(), pair["file"]), name=pair["file"])
    assert [row.type for row in report.operators] == pair["operators"]
    return [row.mapped for row in report.operators]


@pytest.mark.parametrize("pair", PAIRS or NOTHING_SHARED, ids=lambda pair: pair and pair["file"])
def test_every_operator_maps_as_the_compiler_mapped_it(pair):
    names = list(enumerate(pair["operators"]))
    assert list(zip(names, _by_rules(pair))) == list(zip(names, pair["mapped"]))


def test_the_score(capsys):
    """Printed with `pytest -s`: how many operators and models the rules get right."""
    right = [[ours == theirs for ours, theirs in zip(_by_rules(pair), pair["mapped"])] for pair in PAIRS]
    operators, models = sum(map(sum, right)), sum(map(all, right))
    total = sum(map(len, right))
    with capsys.disabled():
        print(f"Edge TPU rules: {operators} of {total} operators, {models} of {len(right)} models right")
    assert (operators, models) == (total, len(PAIRS))

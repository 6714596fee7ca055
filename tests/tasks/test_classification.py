"""What each kind of output means, against plain NumPy; labels of one number; ties."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tiny_models

from edgecnn import artifact
from edgecnn.core.errors import ModelFileError
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.answers import answer
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.tasks.classification import TASK, sigmoid, softmax

SCORES = np.array([-2.0, 0.5, 3.0], np.float32)


def contract(output: str, labels: tuple[str, ...] = ("a", "b", "c")) -> Contract:
    return Contract(Preprocessing(8, 8), output=output, labels=labels)


def test_logits_of_classes_that_exclude_each_other_add_up_to_one() -> None:
    expected = [math.exp(score) for score in SCORES]
    found = TASK.interpret([SCORES], contract("logits"))
    np.testing.assert_allclose(found, np.array(expected) / sum(expected), rtol=1e-6)


@pytest.mark.parametrize("output", ["probabilities", "independent_probabilities"])
def test_probabilities_are_taken_as_they_are(output: str) -> None:
    """Those of classes that don't exclude each other too: no softmax on top of a sigmoid."""
    given = np.array([0.9, 0.8, 0.1], np.float32)
    answers = TASK.answers(TASK.interpret([given], contract(output)), contract(output))
    assert [(each["label"], each["probability"]) for each in answers] == [("a", 0.9), ("b", 0.8), ("c", 0.1)]


def test_independent_logits_get_a_sigmoid_each() -> None:
    found = TASK.interpret([SCORES], contract("independent_logits"))
    np.testing.assert_allclose(found, [1 / (1 + math.exp(-score)) for score in SCORES], rtol=1e-6)
    assert found.sum() > 1.5


@pytest.mark.parametrize(("output", "value"), [("binary_probability", 0.75), ("binary_logit", math.log(3))])
def test_one_number_is_two_classes(output: str, value: float) -> None:
    two = contract(output, ("no", "yes"))
    answers = TASK.answers(TASK.interpret([np.array([value], np.float32)], two), two)
    assert [(each["label"], each["index"]) for each in answers] == [("yes", 1), ("no", 0)]
    assert [each["probability"] for each in answers] == pytest.approx([0.75, 0.25], abs=1e-6)


def test_large_scores_do_not_overflow() -> None:
    with np.errstate(over="raise", invalid="raise"):
        assert softmax(np.array([1e4, 0.0], np.float64)).tolist() == [1.0, 0.0]
        assert sigmoid(np.array([100.0, -100.0])).tolist() == pytest.approx([1.0, 0.0], abs=1e-30)


@pytest.mark.parametrize(
    ("output", "shapes", "said"),
    [
        ("logits", [(4,)], "3 labels for 4 classes"),
        ("logits", [(3,), (3,)], r"shape \[batch, 3\], \[batch, 3\]; expected \[batch, classes\]"),
        ("logits", [(7, 7, 3)], r"shape \[batch, 7, 7, 3\]"),
        ("binary_logit", [(3,)], "one number, but the model outputs 3"),
        ("binary_probability", [(1,)], "3 labels for 2 classes"),
    ],
)
def test_outputs_that_do_not_fit_are_named(output: str, shapes: list[tuple[int, ...]], said: str) -> None:
    with pytest.raises(ModelFileError, match=said):
        TASK.check(contract(output), shapes)


def test_the_kind_is_seen_in_the_output_only_where_classes_exclude_each_other() -> None:
    probabilities = np.array([0.25, 0.25, 0.5], np.float32)
    assert TASK.described(contract("logits"), [probabilities]).output == "probabilities"
    assert TASK.described(contract("probabilities"), [SCORES]).output == "logits"
    assert TASK.described(contract("independent_probabilities"), [probabilities]).output == "independent_probabilities"
    assert TASK.described(contract("binary_logit", ("no", "yes")), [SCORES[:1]]).output == "binary_logit"


def test_a_shared_first_place_is_the_same_answer() -> None:
    expected, found = np.array([1.0, 2.0, 1.5]), np.array([1.0, 2.0, 2.0])
    assert TASK.same([expected], [found], contract("logits"))
    assert not TASK.same([found], [np.array([1.0, 1.9, 2.0])], contract("logits"))


@pytest.mark.parametrize("output", ["independent_probabilities", "independent_logits"])
def test_an_artifact_of_each_kind_answers(output: str) -> None:
    file = tiny_models.classifier()
    sealed = model_file.from_bytes(artifact.seal(tiny_models.graph(), file.contract.replace(output=output)))
    engine = Engine(sealed)
    assert golden.replay(engine, engine.run).passed
    values = engine.scores(engine.tensor(golden.picture(1, 0, (32, 32, 3))))
    best = answer(engine, golden.picture(1, 0, (32, 32, 3)), order="rgb")[0]
    assert best["index"] == values.argmax()

"""Kinds of errors of boxes, against cases made by hand."""

from __future__ import annotations

import numpy as np

from edgecnn.tasks.box_errors import CLASS, DUPLICATE, FALSE, MISSED, PLACE, RIGHT, box_errors, of_image

TRUTH = np.array(
    [[0, 0, 0.2, 0.2, 0, 0, 100, 100], [0.5, 0.5, 0.7, 0.7, 1, 0, 100, 100], [0.8, 0, 1, 0.2, 1, 0, 100, 100],
     [0, 0.8, 0.2, 1, 0, 1, 100, 100]], np.float32,
)  # fmt: skip
"""An ant, two bees, a crowd of ants."""
FOUND = np.array(
    [
        [0, 0, 0.2, 0.2, 0, 0.9],  # the ant
        [0, 0, 0.2, 0.19, 0, 0.8],  # the ant again
        [0.5, 0.5, 0.7, 0.7, 0, 0.7],  # a bee, taken for an ant
        [0.8, 0.1, 1, 0.3, 1, 0.6],  # a bee, beside it: an overlap of a third
        [0.4, 0, 0.5, 0.1, 1, 0.55],  # nothing
        [0, 0.8, 0.2, 1, 1, 0.9],  # on the crowd: left out
        [0.8, 0, 1, 0.2, 1, 0.4],  # not sure enough
    ],
    np.float32,
)


def test_each_box_has_its_kind() -> None:
    found = of_image(FOUND, TRUTH)
    kinds = [kind for kind, _, _ in found]
    assert kinds == [RIGHT, DUPLICATE, CLASS, PLACE, FALSE, MISSED]
    assert found[2] == (CLASS, 1, 0) and found[3] == (PLACE, None, 1) and found[-1] == (MISSED, 1, None)
    assert of_image(FOUND[:1], TRUTH[:0]) == [(FALSE, None, 0)]
    assert of_image(FOUND[:0], TRUTH) == [(MISSED, 0, None), (MISSED, 1, None), (MISSED, 1, None)]


def test_confusion_counts_boxes_and_objects() -> None:
    errors = box_errors([FOUND, FOUND[:0]], [TRUTH, TRUTH[:1]], ("ant", "bee"))
    assert errors.kinds == {RIGHT: 1, DUPLICATE: 1, CLASS: 1, PLACE: 1, FALSE: 1, MISSED: 2}
    #                       ant bee nothing
    assert errors.confusion == ((1, 0, 1), (1, 0, 1), (0, 2, 0))


def test_precision_by_recall_is_the_definition() -> None:
    """Bees: 0.9 on a crowd of ants is wrong for a bee, 0.6 and 0.55 are wrong, 0.4 is right: one of two, 1 of 4."""
    errors = box_errors([FOUND], [TRUTH], ("ant", "bee", "cow"))
    assert "cow" not in errors.precision
    bees = dict(zip(errors.recall, errors.precision["bee"]))
    assert bees[0.0] == bees[0.5] == 0.25 and bees[0.55] == 0 and bees[1.0] == 0
    ants = dict(zip(errors.recall, errors.precision["ant"]))
    assert ants[1.0] == 1.0  # the first box is right
    assert type(errors).from_dict(errors.to_dict()) == errors

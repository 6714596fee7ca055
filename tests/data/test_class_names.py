"""Which output is for which class of a data set: what is written alike counts first, and nothing is guessed."""

from __future__ import annotations

import pytest

from edgecnn.core.errors import DataError
from edgecnn.data import DataSet, class_indices
from edgecnn.runtime.model.contract import Contract, Preprocessing


def indices(classes: tuple[str, ...], labels: tuple[str, ...], ids: tuple[str, ...] = ()) -> dict[str, int]:
    return class_indices(DataSet("d", (), classes), Contract(Preprocessing(4, 4), labels=labels, label_ids=ids))


@pytest.mark.parametrize("classes", [("-1", "1"), ("A", "a"), ("c 1", "c-1", "c_1"), ("cat", "cat,dog"), ("1", "2")])
def test_labels_of_the_data_itself_are_told_apart(classes: tuple[str, ...]) -> None:
    assert indices(classes, classes) == {name: index for index, name in enumerate(classes)}


@pytest.mark.parametrize(
    ("name", "labels", "index"),
    [
        ("missile", ("missile", "projectile, missile"), 0),
        ("cat", ("cat,dog", "cat"), 1),
        ("Cardigan", ("Cardigan, Cardigan Welsh corgi", "cardigan"), 0),
        ("cardigan", ("Cardigan, Cardigan Welsh corgi", "cardigan"), 1),
        ("tabby_cat", ("dog", "tabby, tabby cat"), 1),
        ("TABBY", ("dog", "tabby, tabby cat"), 1),
        ("1", ("ant", "bee"), 1),
    ],
)
def test_what_is_written_alike_counts_first(name: str, labels: tuple[str, ...], index: int) -> None:
    assert indices((name,), labels) == {name: index}


def test_ids_tell_apart_what_is_called_alike() -> None:
    cranes, ids = ("crane", "crane"), ("n02012849", "n03126707")
    assert indices(("n03126707",), cranes, ids) == {"n03126707": 1}
    with pytest.raises(DataError, match=r"class crane of d matches several.*0 \(crane\), 1 \(crane\).*WordNet ID or"):
        indices(("crane",), cranes, ids)


def test_two_classes_are_never_one_output() -> None:
    with pytest.raises(DataError, match=r"classes Cat and cat of d are the same output of the model: 0 \(cat\)"):
        indices(("Cat", "cat"), ("cat", "dog"))


def test_where_labels_are_numbers_a_class_is_no_index() -> None:
    with pytest.raises(DataError, match="match none of the model's 3 labels: 0"):
        indices(("0", "1", "2"), ("1", "2", "3"))

"""Which of a model's outputs is for which class of a data set."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from edgecnn.core.errors import DataError
from edgecnn.data.dataset import DataSet
from edgecnn.runtime.model.contract import Contract


def class_indices(data: DataSet, contract: Contract, outputs: int | None = None) -> dict[str, int]:
    """The model's output index of each class of the data set.

    A class matches a label by WordNet ID or name as they are written, by one of a label's comma-separated synonyms, by
    either if case, spaces, `_` and `-` don't matter, or by index where no label is a number: what comes first in this
    list counts.

    Args:
        data: the data set.
        contract: the model's.
        outputs: how many outputs the model has, for a contract without labels; an index above is refused.

    Raises:
        DataError: some class matches no label, or several, or two classes match the same one; the message names them.
    """
    count = len(contract.labels) or outputs
    tables = list(_tables(contract))
    found = {name: _find(data, name, tables, contract, count) for name in data.classes}
    missing = [name for name, index in found.items() if index is None]
    if missing and not contract.labels and all(name.isdecimal() for name in data.classes):
        raise DataError(_beyond_the_outputs(data, missing, outputs or 0))
    if missing and not contract.labels:
        raise DataError(
            f"The model has no labels, so its outputs can't be compared with the classes of {data.name}: "
            f"{', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}. Give the labels with --labels FILE, or "
            "name the classes by index."
        )
    if missing:
        known = ", ".join(contract.labels[:3])
        raise DataError(
            f"{len(missing)} of {len(data.classes)} classes of {data.name} match none of the model's "
            f"{len(contract.labels)} labels: {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}. "
            f"Expected each class to be a WordNet ID, an index or a label (first labels: {known})."
        )
    indices = {name: index for name, index in found.items() if index is not None}
    _refuse_shared(data, indices, contract)
    return indices


def _tables(contract: Contract) -> Iterator[tuple[Callable[[str], str], dict[str, list[int]]]]:
    """What each index is called, from the exact to the lenient, each with how a name is looked up."""
    named = [{label} for label in contract.labels]
    for index, label_id in enumerate(contract.label_ids[: len(named)]):
        named[index].add(label_id)
    synonyms = [{part.strip() for part in label.split(",")} for label in contract.labels]
    for read in (str, _plain):
        for names in (named, synonyms):
            table: dict[str, list[int]] = {}
            for index, some in enumerate(names):
                for name in {read(name) for name in some}:
                    table.setdefault(name, []).append(index)
            yield read, table


def _find(
    data: DataSet,
    name: str,
    tables: Sequence[tuple[Callable[[str], str], Mapping[str, list[int]]]],
    contract: Contract,
    count: int | None,
) -> int | None:
    """None where nothing has this name."""
    found = next((table[read(name)] for read, table in tables if read(name) in table), [])
    if len(found) > 1:
        raise DataError(
            f"The class {name} of {data.name} matches several of the model's labels: "
            f"{_numbered(found, contract)}. Name it by its "
            f"{'WordNet ID' if contract.label_ids else 'whole label'} or by its index."
        )
    if found:
        return found[0]
    is_index = name.isdecimal() and not any(label.isdecimal() for label in contract.labels)
    return int(name) if is_index and (count is None or int(name) < count) else None


def _refuse_shared(data: DataSet, indices: Mapping[str, int], contract: Contract) -> None:
    by_index: dict[int, list[str]] = {}
    for name, index in indices.items():
        by_index.setdefault(index, []).append(name)
    for index, names in by_index.items():
        if len(names) > 1:
            raise DataError(
                f"The classes {' and '.join(names[:3])} of {data.name} are the same output of the model: "
                f"{_numbered([index], contract)}. Put them together under one name, or give each the name of another "
                "label."
            )


def _numbered(indices: Sequence[int], contract: Contract) -> str:
    return ", ".join(f"{index} ({contract.label(index)})" for index in indices[:3])


def _beyond_the_outputs(data: DataSet, missing: Sequence[str], outputs: int) -> str:
    return (
        f"{data.name} has the class {missing[0]}, but the model's {outputs} outputs are numbered 0 to "
        f"{outputs - 1}. Without labels, a folder's number is taken as the number of an output. If the folder "
        "names are class names, give them with --labels FILE: one name per line, in output order. Keras's order "
        f"is {in_keras_order(data.classes)}."
    )


def keras_order(classes: Iterable[str]) -> tuple[str, ...]:
    """As Keras numbers the folders it trains on: sorted as text, so that 10 comes before 2."""
    return tuple(sorted(classes))


def in_keras_order(classes: Iterable[str]) -> str:
    """The first few, for people."""
    ordered = keras_order(classes)
    return ", ".join(ordered[:5]) + (", ..." if len(ordered) > 5 else "")


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", " ", name).strip().casefold()

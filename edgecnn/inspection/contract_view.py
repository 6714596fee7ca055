"""A contract for people and for JSON: what it says, without the thousand labels and the golden outputs."""

from __future__ import annotations

from typing import Any

from edgecnn.inspection.opening import OpenedModel
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.graph import Tensor
from edgecnn.runtime.model.tflite import TFLiteModel
from edgecnn.tasks import load

_LONG = 12  # entries of one value; more (the calibration images) are counted instead of listed


def summary(contract: Contract, sealed: bool) -> dict[str, Any]:
    """JSON values; long lists are counted instead of shown."""
    values = contract.to_dict()
    labels, ids, golden = values.pop("labels"), values.pop("label_ids"), values.pop("golden")
    values["classes_with_names"] = len(labels)
    values["first_labels"] = list(labels[:3])
    values["label_ids"] = len(ids)
    values["golden"] = {key: value for key, value in (golden or {}).items() if key != "outputs"}
    values["sealed"] = sealed
    return values


def of(source: OpenedModel) -> list[tuple[str, str]]:
    """What is known of an opened model in (what, its value) pairs; nothing of a bare Keras model."""
    if source.contract is not None:
        return lines(source.contract, source.origin)
    return bare_lines(source.model, source.origin, source.refusal) if source.model is not None else []


def lines(contract: Contract, origin: str) -> list[tuple[str, str]]:
    """(what, its value) pairs to print below each other; `origin` says who wrote the file."""
    model = contract.model.to_dict()
    rows = [("file", origin), *_model_lines(model), ("input", input_sentence(contract.preprocessing))]
    rows += [("output", load(contract.task).output_sentence(contract))]
    rows += [(f"provenance: {name}", text) for name, text in _flat(contract.provenance.to_dict())]
    rows += [(f"accuracy: {name}", text) for name, text in _flat(contract.accuracy.to_dict())]
    if contract.rejection is not None:
        rows += [(f"none of these: {name}", text) for name, text in _flat(contract.rejection.to_dict())]
    if golden := contract.golden:
        rows.append(("golden vectors", f"{golden.count}, seed {golden.seed}, {golden.generator}"))
    return rows + [("assumed", sentence) for sentence in contract.assumed]


def bare_lines(model: TFLiteModel, origin: str, refusal: str) -> list[tuple[str, str]]:
    """The same for a graph without a contract: what goes in and comes out, and what it looks like."""
    graph = model.graph
    inputs = [("input", _tensor(graph.tensors[number])) for number in graph.inputs]
    outputs = [("output", _tensor(graph.tensors[number])) for number in graph.outputs]
    return [("file", origin), *inputs, *outputs, ("task", refusal)]


def _tensor(tensor: Tensor) -> str:
    return f"{tensor.name}: {tensor.dtype} {list(tensor.shape)}"


def _model_lines(model: dict[str, Any]) -> list[tuple[str, str]]:
    return [(f"model: {name}", text) for name, text in _flat(model) if name not in ("family", "macs", "parameters")]


def input_sentence(preprocessing: Preprocessing) -> str:
    """How an image becomes the input."""
    fits = {
        "crop": f"center crop of {preprocessing.crop:.1%} of the shorter side",
        "stretch": "stretched to the input's shape",
        "pad": "padded to the input's shape",
    }
    size = f"{preprocessing.height} x {preprocessing.width} {preprocessing.color.upper()}"
    mean, std = (_numbers(values) for values in (preprocessing.mean, preprocessing.std))
    return f"{size}, {fits[preprocessing.fit]}, {preprocessing.resize} resize, (pixel - {mean}) / {std}"


def _numbers(values: tuple[float, ...]) -> str:
    texts = [f"{value:.6g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else f"({', '.join(texts)})"


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested JSON values as dotted names and short texts."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and len(value) > _LONG:
            rows.append((name, f"{len(value)}: {', '.join(list(value)[:3])}, ..."))
        elif isinstance(value, dict):
            rows += _flat(value, f"{name}.")
        elif isinstance(value, (list, tuple)):
            short = ", ".join(str(item) for item in value[:3]) + (", ..." if len(value) > 3 else "")
            rows.append((name, f"{len(value)}: {short}" if len(value) > 3 else short))
        elif value not in (None, ""):
            rows.append((name, f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)))
    return rows

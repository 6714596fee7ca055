"""Checks a Keras configuration: every class, function and string in it must be on an allowlist.

A configuration (`config.json`, or an .h5 file's `model_config`) is JSON in which any object may name a class and a
module, and any text may be looked up as a function. Keras imports what is named, and calls operations with constants of
the file while it builds the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from edgecnn.float_model.keras_names import (
    ACTIVATIONS,
    CLASSES,
    FUNCTION_MODULES,
    MODELS,
    OPERATION_LAYERS,
    REGISTERED,
    TEXTS,
    VALUES,
)
from edgecnn.float_model.operation_names import FUNCTIONS, KERAS_3_OPERATIONS, SLICES

MAXIMUM_DEPTH = 100

_CODE = ("Lambda", "function", "__lambda__")
_TENSORFLOW_LAYERS = ("ClassMethod", "InstanceMethod", "InstanceProperty", "TensorFlowOpLayer")
_ALL_CLASSES = CLASSES + tuple((frozenset((module,)), classes) for module, classes in KERAS_3_OPERATIONS)
_NAMES = frozenset().union(*(classes for _, classes in _ALL_CLASSES))
_NAMING = ("class_name", "module", "registered_name")
_EQUATION = re.compile(r"[A-Za-z,.]{1,64}->[A-Za-z.]{0,64}")  # einsum
_AXES = re.compile(r"[a-z]{1,16}")
_REFERENCE_LISTS = ("inbound_nodes", "input_layers", "output_layers", "keras_history")
_CONSTANT = "_CONSTANT_VALUE"
_LABELS = ("name",)  # is never looked up


def requests(config: Any) -> Iterator[tuple[str, str]]:
    """Everything in a configuration that is on no allowlist.

    Yields:
        The place ("layer 'x'", or "the model"), and what is asked for there ("the class os.system").
    """
    if not isinstance(config, dict):
        yield "the model", f"a {type(config).__name__} in place of a model"
        return
    # The model is loaded with `compile=False`: how it was compiled is not read.
    yield from _walk({key: value for key, value in config.items() if key != "compile_config"}, "the model", "", 0)
    if config.get("class_name") not in MODELS:
        yield "the model", f"the class {config.get('class_name')!r}, which is not a model"


def _walk(value: Any, layer: str, key: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > MAXIMUM_DEPTH:
        yield layer, f"more than {MAXIMUM_DEPTH} objects inside one another"
    elif isinstance(value, str):
        if not _is_known_text(key, value):
            yield layer, f"the text {value[:80]!r}"
    elif isinstance(value, list):
        # A tensor is named by its layer: [name, node, tensor] or [name, node, tensor, arguments].
        start = 1 if key in _REFERENCE_LISTS and _is_reference(value) else 0
        for item in value[start:]:
            yield from _walk(item, layer, key, depth + 1)
    elif isinstance(value, dict):
        names_class = "class_name" in value
        if names_class:
            layer = _place(value, layer)
            reason = _distrusted(value)
            if reason:
                yield layer, reason
        for name, item in value.items():
            if not (names_class and _is_examined(name, item, value)):
                yield from _walk(item, layer, _inner_key(key, name), depth + 1)


def _inner_key(outer: str, name: str) -> str:
    """Inside of `inbound_nodes` and the like, keys name arguments, whose values are constants or references."""
    return outer if outer in _REFERENCE_LISTS and name not in ("keras_history", "name") else name


def _is_examined(name: str, item: Any, owner: Mapping[str, Any]) -> bool:
    """Whether `_distrusted` has looked at the item already."""
    return name in _NAMING or (name == "config" and isinstance(item, str) and owner["class_name"] == "function")


def _is_reference(value: list[Any]) -> bool:
    if not value or not isinstance(value[0], str):
        return False
    return value[0] == _CONSTANT or (len(value) in (3, 4) and all(type(number) is int for number in value[1:3]))


def _is_known_text(key: str, text: str) -> bool:
    if key in _LABELS or (key == "function" and text in FUNCTIONS):
        return True
    if key == "bias_axes":
        return bool(_AXES.fullmatch(text))
    return text in TEXTS or bool(_EQUATION.fullmatch(text))


def _place(item: Mapping[str, Any], outer: str) -> str:
    config = item.get("config")
    name = item.get("name") or (config.get("name") if isinstance(config, dict) else None)
    # A dtype policy's name is its type's; what is wrong with it is its layer's matter.
    is_policy = "Policy" in str(item.get("class_name"))
    return f"layer {name!r}" if isinstance(name, str) and not is_policy else outer


def _distrusted(item: Mapping[str, Any]) -> str | None:
    """What an object that names a class asks for that is on no list, or None."""
    kind, module, registered = (item.get(key) for key in ("class_name", "module", "registered_name"))
    if not isinstance(kind, str) or not isinstance(module, (str, type(None))):
        return f"the class {kind!r} of the module {module!r}"
    config = item.get("config")
    if kind == "function":
        return None if _is_activation(module, config, registered) else "the code of a function object"
    if kind.rpartition(">")[2] in _CODE:
        return f"the code of a {kind} object"
    if kind in OPERATION_LAYERS or kind in _TENSORFLOW_LAYERS:
        return _distrusted_function(kind, config) or _distrusted_class(kind, module, registered)
    return _distrusted_class(kind, module, registered)


def _is_activation(module: str | None, function: Any, registered: Any) -> bool:
    return (
        module in FUNCTION_MODULES
        and isinstance(function, str)
        and function in ACTIVATIONS
        and registered in (None, "function", function)
    )


def _distrusted_function(kind: str, config: Any) -> str | None:
    config = config if isinstance(config, dict) else {}
    function = config.get("function", config.get("method_name", config.get("attr_name", "")))
    known = {"TFOpLambda": FUNCTIONS, "SlicingOpLambda": SLICES}.get(kind, frozenset())
    if isinstance(function, str) and function in known:
        return None
    if kind == "TensorFlowOpLayer":
        return f"the TensorFlow operation {str(config.get('node_def'))[:80]!r}"
    return f"the TensorFlow function {function!r}"


def _distrusted_class(kind: str, module: str | None, registered: Any) -> str | None:
    if kind in VALUES and module in (None, "builtins") and registered in (None, kind):
        return None
    name = kind.rpartition(">")[2]  # an .h5 file has "package>class" for a registered one, and no module
    known_as = REGISTERED.get(name, name)
    if kind not in (name, known_as) or registered not in (None, kind, known_as):
        return f"the custom class {registered or kind}"
    if module is None:
        return None if name in _NAMES else f"the class {kind}"
    is_known = any(module in modules and name in classes for modules, classes in _ALL_CLASSES)
    return None if is_known else f"the class {module}.{kind}"

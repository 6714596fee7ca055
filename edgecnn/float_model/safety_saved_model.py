"""Checks a SavedModel: every operation that loading or calling it can run must be on the allowlist.

Only the saving of variables may be there besides, where nothing that edgecnn does reaches it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from edgecnn.float_model.operation_names import GRAPH_OPERATIONS, RESTORE

GRAPH = "saved_model.pb"
_OTHER_GRAPHS = ("saved_model.cpb", "saved_model.pbtxt")  # would be another program than the one that is looked at
# Python classes that TensorFlow makes again by name: containers, and empty objects in place of optimizers and layers.
_USER_OBJECTS = (
    *("_generic_user_object", "trackable_list_wrapper", "trackable_dict_wrapper", "trackable_tuple_wrapper"),
    *("signature_map", "optimizer", "tf_keras_optimizer", "experimentalOptimizer", "tf_keras_experimentalOptimizer"),
    *("_tf_keras_layer", "_tf_keras_input_layer", "_tf_keras_rnn_layer", "_tf_keras_model", "_tf_keras_network"),
    *("_tf_keras_sequential", "_tf_keras_metric"),
)
_OBJECT_KINDS = ("user_object", "function", "variable", "bare_concrete_function", "constant", "captured_tensor", None)
_REGISTERED = ("", "tf.TrackableConstant")
# Whose texts become an error's message, or the name of the file that TensorFlow 1's loader replaces by its own.
_TEXT_OPERATIONS = ("Assert", "StringFormat", "PlaceholderWithDefault")
_STRING = 7  # DT_STRING of types.proto


def file_requests(folder: Path) -> Iterator[tuple[str, str]]:
    """Links that leave the folder, and other forms of the graph; other files are not read."""
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            yield f"the file {name!r}", "a target outside the folder"
        elif name in _OTHER_GRAPHS:
            yield f"the file {name!r}", f"a graph that TensorFlow would read instead of {GRAPH}"
        elif not path.is_file() and not path.is_dir():
            yield f"the file {name!r}", "a file that is not a regular file"


def object_requests(graph: Any) -> Iterator[tuple[str, str]]:
    """Assets and Python objects of a MetaGraphDef that are on no allowlist."""
    for asset in graph.asset_file_def:
        yield f"the asset {asset.filename!r}", "a file besides the model"
    for number, node in enumerate(graph.object_graph_def.nodes):
        kind = node.WhichOneof("kind")
        if kind not in _OBJECT_KINDS:
            yield f"the object {number}", f"a {kind}"
        elif kind == "user_object" and node.user_object.identifier not in _USER_OBJECTS:
            yield f"the object {number}", f"the class {node.user_object.identifier!r}"
        elif node.registered_name not in _REGISTERED or node.registered_saver:
            yield f"the object {number}", f"the registered class {node.registered_name or node.registered_saver!r}"


def has_objects(graph: Any) -> bool:
    """Whether TensorFlow 2 loads a MetaGraphDef that is the only one; otherwise TensorFlow 1's way is taken."""
    return bool(graph.HasField("object_graph_def"))


def distrusted_nodes(graph: Any) -> Iterator[Any]:
    """The nodes of a MetaGraphDef that can run and whose operation is on no allowlist."""
    functions = {function.signature.name for function in graph.graph_def.library.function}
    runnable = list(_runnable(graph))
    for node, only_restores in runnable:
        known = node.op in GRAPH_OPERATIONS or node.op in functions
        if not known and not (node.op == RESTORE and only_restores and _restores_itself(node, graph)):
            yield node
    yield from _distrusted_texts([node for node, _ in runnable])


def _restores_itself(node: Any, graph: Any) -> bool:
    """Whether the file that is read is the one that TensorFlow 1's loader says: the SavedModel's own variables."""
    return bool(node.input) and _node_name(node.input[0]) == _node_name(graph.saver_def.filename_tensor_name)


def _distrusted_texts(nodes: list[Any]) -> Iterator[Any]:
    """Constants of texts that are computed with, as no model of images does: file names."""
    texts = (*_TEXT_OPERATIONS, RESTORE)
    used = {_node_name(name) for node in nodes if node.op not in texts for name in node.input}
    for node in nodes:
        if node.op == "Const" and node.attr["dtype"].type == _STRING and node.name in used:
            yield node


def _runnable(graph: Any) -> Iterator[tuple[Any, bool]]:
    """The nodes that loading a MetaGraphDef or calling it can run, and whether each serves restoring alone."""
    nodes = {node.name: node for node in graph.graph_def.node}
    functions = {function.signature.name: function for function in graph.graph_def.library.function}

    def inputs(name: str) -> Iterable[str]:
        return nodes[name].input if name in nodes else ()

    unasked = set(_closure(_roots(graph), inputs))
    # Python reads the variables of a TensorFlow 2 model, and its own function for that is not called.
    restoring = [] if has_objects(graph) else [graph.saver_def.restore_op_name]
    main = [nodes[name] for name in unasked | set(_closure(restoring, inputs)) if name in nodes]
    main.sort(key=lambda node: str(node.name))
    gradients = (gradient.gradient_func for gradient in graph.graph_def.library.registered_gradients)
    called = {
        *graph.object_graph_def.concrete_functions,
        *gradients,
        *(each for node in main for each in _called(node)),
    }

    def calls(name: str) -> Iterator[str]:
        return (each for node in functions[name].node_def for each in _called(node)) if name in functions else iter(())

    yield from ((node, node.name not in unasked) for node in main)
    for name in _closure(sorted(called), calls):
        yield from ((node, False) for node in functions[name].node_def) if name in functions else ()


def _roots(graph: Any) -> Iterator[str]:
    """Names of the nodes of the outer graph that a loader asks for."""
    for signature in graph.signature_def.values():
        for tensor in signature.outputs.values():
            yield from _tensor_names(tensor)
    for collection in graph.collection_def.values():
        yield from collection.node_list.value
        for message in collection.bytes_list.value:
            yield from _variable_nodes(message)
    for node in graph.object_graph_def.nodes:
        yield node.constant.operation


def _variable_nodes(message: bytes) -> Iterator[str]:
    """A TensorFlow 1 variable's nodes; loading runs the one of its initial value."""
    from tensorflow.core.framework.variable_pb2 import VariableDef

    variable = VariableDef()
    try:
        variable.ParseFromString(message)
    except Exception:  # another kind of message; protobuf's DecodeError has no stable home
        return
    yield from (variable.variable_name, variable.initial_value_name, variable.initializer_name, variable.snapshot_name)


def _closure(start: Iterable[str], following: Callable[[str], Iterable[str]]) -> Iterator[str]:
    """All names that can be reached; an input's name may be "^node" or "node:0"."""
    seen: set[str] = set()
    waiting = list(start)
    while waiting:
        name = _node_name(waiting.pop())
        if name not in seen:
            seen.add(name)
            waiting.extend(following(name))
            yield name


def _node_name(name: str) -> str:
    return name.lstrip("^").split(":")[0]


def _tensor_names(tensor: Any) -> Iterator[str]:
    sparse = tensor.coo_sparse
    yield from (tensor.name, sparse.values_tensor_name, sparse.indices_tensor_name, sparse.dense_shape_tensor_name)
    for part in tensor.composite_tensor.components:
        yield from _tensor_names(part)


def _called(node: Any) -> Iterator[str]:
    """The functions that a node calls: by its attributes, or as an operation of that name."""
    yield node.op
    for value in node.attr.values():
        yield from (function.name for function in (value.func, *value.list.func))

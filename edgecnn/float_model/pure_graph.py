"""A model as one graph that only computes: no variables, no updates, no detour of the image through whole numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgecnn.core.compat.converter import frozen_but_counters, function_of
from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import ModelFileError
from edgecnn.runtime.run.interpreter import quiet

_TRIES = 4


def pure(call: Callable[[Any], Any], shape: Sequence[int], batch: int | None = None) -> Callable[[Any], Any]:
    """The function frozen, and cut down to what its output is computed from.

    An exported model counts on: random layers advance their generators, batch norms may hold updates. TFLite has no
    variables to assign to. A model of uint8 images begins with a cast that an integer graph does by itself.

    Args:
        call: float32 (batch, *shape) -> the output.
        shape: (height, width, channels).
        batch: 1 where the function takes one image only; None where it takes any number.

    Raises:
        ModelFileError: the output itself is random.
    """
    with quiet():
        traced = tf.function(call).get_concrete_function(tf.TensorSpec((batch, *shape), tf.float32, name="image"))
        graph = frozen_but_counters(traced)
        images = [each.name for each in graph.inputs if each.dtype != tf.resource]
        outputs = [each.name for each in graph.outputs]
        needed = _only_computing(graph, outputs)
        _refuse_counters(graph, needed)
        plain = function_of(_without_integer_images(needed, images), images, outputs)
        _refuse_random(plain, shape)

    def run(images: Any) -> Any:
        given = tf.convert_to_tensor(images, tf.float32)
        if batch is None or given.shape[0] == batch:
            return plain(given)[0]
        return tf.map_fn(lambda one: plain(one[None])[0][0], given)

    return run


def _refuse_counters(graph: Any, needed: Any) -> None:
    """What a generator's state leads to is drawn anew each time."""
    names = {node.name for node in needed.node}
    if any(each.dtype == tf.resource and each.op.name in names for each in graph.inputs):
        raise ModelFileError(_random(next((node.name for node in needed.node if "Random" in node.op), "its state")))


def _refuse_random(function: Any, shape: Sequence[int]) -> None:
    """The same image must get the same answer. Random operations may be left over in branches that are never taken."""
    drawn = [node.name for node in function.graph.as_graph_def().node if "Random" in node.op]
    if not drawn:
        return
    image = tf.random.stateless_uniform((1, *shape), seed=(1, 2), maxval=255.0)
    answers = [function(image)[0].numpy() for _ in range(_TRIES)]
    if any((answer != answers[0]).any() for answer in answers):
        raise ModelFileError(_random(drawn[0]))


def _random(operation: str) -> str:
    return (
        f"The model's output depends on random numbers ({operation}), because it was exported with its training "
        "augmentation. Export it for inference (training=False), or give the .keras file."
    )


def _only_computing(graph: Any, outputs: Sequence[str]) -> Any:
    """The operations that the outputs are computed from. Order alone (control inputs) is for side effects."""
    definition = graph.graph.as_graph_def()
    for node in definition.node:
        values = [name for name in node.input if not name.startswith("^")]
        node.ClearField("input")
        node.input.extend(values)
    return tf.compat.v1.graph_util.extract_sub_graph(definition, [name.split(":")[0] for name in outputs])


def _without_integer_images(graph: Any, images: Sequence[str]) -> Any:
    """Image -> whole numbers -> float is left out: pixels are whole numbers already. Any other cast truncates."""
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name.split(":")[0], []).append(node)
    inputs = [node for node in graph.node if f"{node.name}:0" in images]
    for node in (reader for image in inputs for reader in _readers(image, users)[1]):
        if _casts(node, to_integer=True):
            inside, readers = _readers(node, users)
            if readers and all(_casts(reader, to_integer=False) for reader in readers):
                for each in (node, *inside, *readers):
                    _become_identity(each)
    return graph


def _readers(node: Any, users: dict[str, list[Any]]) -> tuple[list[Any], list[Any]]:
    """The identities behind a node, and what reads the node or one of them."""
    inside: list[Any] = []
    readers: list[Any] = []
    waiting = list(users.get(node.name, ()))
    while waiting:
        each = waiting.pop()
        if each.op == "Identity":
            inside.append(each)
            waiting += users.get(each.name, ())
        else:
            readers.append(each)
    return inside, readers


def _casts(node: Any, *, to_integer: bool) -> bool:
    if node.op != "Cast":
        return False
    source, result = (tf.as_dtype(node.attr[key].type) for key in ("SrcT", "DstT"))
    pair = (source, result) if to_integer else (result, source)
    return bool(pair[0] == tf.float32 and pair[1].is_integer)


def _become_identity(node: Any) -> None:
    node.op = "Identity"
    node.attr.clear()
    node.attr["T"].type = tf.float32.as_datatype_enum

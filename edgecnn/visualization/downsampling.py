"""The same network, weights and all, with every down-sampling done another way.

A convolution of stride s is a convolution of stride 1 of which every s-th answer is kept. So one can keep that answer
("stride"), the largest of each s x s window ("max") or their mean ("average"), after the activation that follows,
without new weights. Zhang: Making Convolutional Networks Shift-Invariant Again, ICML 2019, explains why the mean is
steadier.
"""

from __future__ import annotations

from typing import Any

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.graph import keras_network, roles
from edgecnn.graph.network import Layer, Network, Window

KINDS = ("stride", "max", "average")


def with_downsampling(model: Any, kind: str) -> tuple[Any, int]:
    """A copy of a functional Keras model, and how many of its layers were changed.

    Args:
        model: with convolutions or pooling of stride above 1.
        kind: one of `KINDS`.
    """
    network = keras_network.read(model)
    dense, pooled, replaced = _plan(network)
    sizes = {layer.name: network.output(layer).map_size or (1, 1) for layer in network.layers}

    def copied(layer: Any) -> Any:
        result = layer.__class__.from_config(layer.get_config())
        if layer.name in replaced:
            return _Pool(kind, replaced[layer.name], sizes[layer.name], name=layer.name)
        if layer.name in dense:
            result = _Dense(layer, dense[layer.name], sizes[layer.name], name=layer.name)
        if layer.name in pooled:
            window, size = pooled[layer.name]
            result = _Then(result, _Pool(kind, Window(window.stride, window.stride), size), name=layer.name)
        return result

    clone = keras.models.clone_model(model, clone_function=copied)
    clone.set_weights(model.get_weights())
    return clone, len(dense) + len(replaced)


def _plan(network: Network) -> tuple[dict[str, Window], dict[str, tuple[Window, tuple[int, int]]], dict[str, Window]]:
    """Layers that become dense, layers after which is pooled, pooling layers that are replaced; all by name."""
    dense: dict[str, Window] = {}
    pooled: dict[str, tuple[Window, tuple[int, int]]] = {}
    replaced: dict[str, Window] = {}
    readers = network.consumers()
    for layer in network.layers:
        if layer.window is None or max(layer.window.stride) == 1:
            continue
        if layer.role == roles.POOLING:
            replaced[layer.name] = layer.window
        elif layer.role in (roles.CONVOLUTION, roles.DEPTHWISE):
            dense[layer.name] = layer.window
            last = _last_in_place(network, readers, layer)
            pooled[last.name] = (layer.window, network.output(layer).map_size or (1, 1))
    return dense, pooled, replaced


def _last_in_place(network: Network, readers: dict[int, list[int]], layer: Layer) -> Layer:
    """The last of the norms and activations that belong to a convolution, before it is reshaped to tokens."""
    size = network.output(layer).map_size
    while True:
        following = [network.layers[index] for index in readers[layer.outputs[0]]]
        if len(following) != 1 or following[0].role != roles.IN_PLACE or network.output(following[0]).map_size != size:
            return layer
        layer = following[0]


def _padded(x: Any, window: Window, size: tuple[int, int], reaches: tuple[int, int], fill: float = 0.0) -> Any:
    """Pad so that stride 1 gives stride * size answers, the first at the strided layer's first place."""
    pads = [(0, 0)]
    for axis in (0, 1):
        needed = window.stride[axis] * size[axis] - 1 + reaches[axis]
        before = window.before[axis]
        pads.append((before, max(0, needed - before - x.shape[1 + axis])))
    x = tf.pad(x, [*pads, (0, 0)], constant_values=fill)
    return x[:, : window.stride[0] * size[0] - 1 + reaches[0], : window.stride[1] * size[1] - 1 + reaches[1]]


class _Dense(keras.layers.Layer):  # type: ignore[misc]
    """A strided convolution at stride 1."""

    def __init__(self, layer: Any, window: Window, size: tuple[int, int], **options: Any) -> None:
        super().__init__(**options)
        config = {**layer.get_config(), "strides": (1, 1), "padding": "valid"}
        self.layer = layer.__class__.from_config(config)
        self._window, self._size = window, size

    def call(self, inputs: Any) -> Any:
        """(batch, height, width, channels) to stride times the strided layer's size."""
        reaches = (self._window.reach(0), self._window.reach(1))
        return self.layer(_padded(inputs, self._window, self._size, reaches))


class _Pool(keras.layers.Layer):  # type: ignore[misc]
    """Keeps one answer of each window: its first (for a pooling layer its central) one, the largest, or the mean."""

    def __init__(self, kind: str, window: Window, size: tuple[int, int], **options: Any) -> None:
        super().__init__(**options)
        self._kind, self._window, self._size = kind, window, size

    def call(self, inputs: Any) -> Any:
        """(batch, height, width, channels) to the contract's size."""
        window, kernel, stride = self._window, self._window.kernel, self._window.stride
        reaches = (window.reach(0), window.reach(1))
        fill = inputs.dtype.min if self._kind == "max" else 0.0
        x = _padded(inputs, window, self._size, reaches, fill)
        if self._kind == "max":
            x = tf.nn.max_pool2d(x, kernel, stride, "VALID")
        elif self._kind == "average":
            x = tf.nn.avg_pool2d(x, kernel, stride, "VALID")
        else:
            own = kernel == stride  # the answer that a strided convolution would have kept
            rows, columns = (0, 0) if own else (kernel[0] // 2, kernel[1] // 2)
            x = x[:, rows :: stride[0], columns :: stride[1]]
        return x[:, : self._size[0], : self._size[1]]


class _Then(keras.layers.Layer):  # type: ignore[misc]
    """One layer after another, under one name."""

    def __init__(self, first: Any, second: Any, **options: Any) -> None:
        super().__init__(**options)
        self.first, self.second = first, second

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Both."""
        return self.second(self.first(inputs))

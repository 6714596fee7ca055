"""Small graphs against the Edge TPU's rules."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from edgecnn import targets
from edgecnn.runtime.model import tflite


def check(graph, inputs, outputs):
    """The rules' report on a `small_graphs.Graph`."""
    return targets.check(tflite.parse(graph.build(inputs, outputs)))


def options(name, **values):
    """An options object of the schema, e.g. `options("Pool2D", strideW=1)`."""
    options = getattr(schema, f"{name}OptionsT")()
    for key, value in values.items():
        assert hasattr(options, key), key
        setattr(options, key, value)
    return options

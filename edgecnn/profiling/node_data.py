"""Per-operator values as node data of Google's Model Explorer: it colors the graph's nodes by them.

Format: model_explorer/node_data_builder.py. A `.tflite` graph is called by its name, "main" where it has none, and a
node by its operator's number.
"""

from __future__ import annotations

from typing import Any

from edgecnn.profiling.per_op import PerOperator
from edgecnn.runtime.model.model_file import AnyFile

GRADIENT = ({"stop": 0, "bgColor": "#f7fbff"}, {"stop": 0.5, "bgColor": "#fdae61"}, {"stop": 1, "bgColor": "#d7191c"})


def node_data(model: AnyFile, result: PerOperator) -> dict[str, Any]:
    """Milliseconds per operator, for Model Explorer's "Add per-node data"."""
    values = {str(row.index): {"value": row.latency_ms} for row in result.operators if row.latency_ms is not None}
    return {model.model.graph.name or "main": {"results": values, "gradient": list(GRADIENT)}}

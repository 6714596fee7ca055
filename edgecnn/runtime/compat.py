"""What is used of the TFLite runtime's private parts, in one place; a test notices when one of them changes."""

from __future__ import annotations

from typing import Any


def nodes(interpreter: Any) -> list[dict[str, Any]]:
    """The operators that an interpreter runs, those of delegates included: op_name, inputs and outputs of each."""
    found: list[dict[str, Any]] = interpreter._get_ops_details()
    return found


def wrapper(interpreter: Any) -> Any:
    """The interpreter's C++ side: it can allocate, set and invoke a subgraph by its number."""
    return interpreter._interpreter


def subgraph_of(runner: Any) -> int:
    """The number of the subgraph behind a signature runner."""
    return int(runner._subgraph_index)


def is_alive(delegate: Any) -> bool:
    """Whether a delegate object holds a delegate: one whose library refused to start does not."""
    return bool(getattr(delegate, "_delegate_ptr", None))

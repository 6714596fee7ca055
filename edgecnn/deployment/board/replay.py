"""Golden vectors on the board, before a version takes over; and what else it would fail for."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecnn.camera.settings import DemoOptions
from edgecnn.camera.sink_choice import chosen
from edgecnn.core.errors import RuntimeMissingError
from edgecnn.runtime.delegates.loading import load as load_delegate
from edgecnn.runtime.model.records import Golden
from edgecnn.runtime.process import guard
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.interpreter import default_threads


def replay(request: Mapping[str, Any]) -> dict[str, Any]:
    """Run the golden vectors as the service would run the model: same threads, same delegate.

    Raises:
        RuntimeMissingError: a library is missing.
        EdgecnnError: the model or its delegate doesn't run here.
    """
    options = DemoOptions.from_json(request["options"])
    _check_libraries(options)
    delegate = options.delegate
    values: dict[str, Any] = guard.isolated(_replay, options, request["golden"], delegate=delegate)
    if not values["passed"]:
        Path(options.model).unlink(missing_ok=True)  # a copy that nothing will use
    return values


def _check_libraries(options: DemoOptions) -> None:
    wanted = {"cv2", *(name for text in options.sinks for name in chosen(text).plugin.LIBRARIES)}
    missing = sorted(name for name in wanted if importlib.util.find_spec(name) is None)
    if missing:
        raise RuntimeMissingError(f"The board has no {', '.join(missing)}, which the service needs.")


def _replay(options: DemoOptions, vectors: Mapping[str, Any]) -> dict[str, Any]:
    file = options.hints.read(options.model)
    file = dataclasses.replace(file, contract=file.contract.replace(golden=Golden.from_dict(vectors)))
    engine = Engine(file, options.threads or default_threads(), load_delegate(options.delegate, file.model))
    return golden.replay(engine, engine.run).to_dict()

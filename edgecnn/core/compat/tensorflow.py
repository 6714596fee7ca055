"""The one place that imports TensorFlow.

`tf` and `keras` are stand-ins that import the real modules at the first attribute access, so that a module may say
`from edgecnn.core.compat.tensorflow import keras, tf` at its top and still cost nothing until it builds, trains or
converts. Keras means `tf_keras` (Keras 2), because tensorflow-model-optimization needs it.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from edgecnn.core.compat import autograph
from edgecnn.core.errors import EdgecnnError, MissingExtraError
from edgecnn.runtime.portable import usage

INSTALL_HOST = 'Building, training and converting models need TensorFlow. Install it with: pip install "edgecnn[host]"'
_LEAST_ADDRESS_SPACE = 3e9  # bytes; with less TensorFlow aborts instead of raising
_LOADING = "Check that there is enough memory (`ulimit -v`), and that `python -c 'import tensorflow'` works."


def _import_tensorflow() -> None:
    from edgecnn.runtime.run.interpreter import quiet  # needs NumPy, which help does without

    _check_address_space()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # on by default on some x86 processors only; a quarter faster
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    try:
        with quiet():
            tensorflow = importlib.import_module("tensorflow")
            importlib.import_module("tf_keras")
            tensorflow.get_logger().setLevel("ERROR")
            importlib.import_module("absl.logging").set_verbosity("error")
            autograph.keep_in_memory()
            tensorflow.config.list_physical_devices()  # looks for a GPU, and complains, now rather than later
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{INSTALL_HOST}\n(The import failed with: {error})") from error
    except ImportError as error:
        raise EdgecnnError(f"TensorFlow is installed, but can't be loaded: {error}. {_LOADING}") from error


def _check_address_space() -> None:
    limit = usage.address_space_bytes()
    if limit is not None and limit < _LEAST_ADDRESS_SPACE:
        raise EdgecnnError(
            f"This process is limited to {limit / 1e9:.1f} GB of address space, but TensorFlow needs at "
            f"least {_LEAST_ADDRESS_SPACE / 1e9:.0f} GB. Raise the limit: ulimit -v unlimited."
        )


class _Lazy:
    """A module that is imported when something is first asked of it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if self._name not in sys.modules or not hasattr(sys.modules[self._name], attribute):
            _import_tensorflow()
        return getattr(sys.modules[self._name], attribute)


tf: Any = _Lazy("tensorflow")
keras: Any = _Lazy("tf_keras")


def is_imported() -> bool:
    """Whether this process has paid for TensorFlow already."""
    return "tensorflow" in sys.modules

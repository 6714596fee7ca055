"""A SavedModel as one function: the signature that takes an image, frozen, without what only training needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import ModelFileError
from edgecnn.float_model import keras_file, safety
from edgecnn.runtime.run.interpreter import quiet

_DEFAULT = "serving_default"


def load(path: Path, trust: bool) -> tuple[Any, str, Any]:
    """Open a SavedModel folder.

    Returns:
        Its signature, the name of the signature's one input, and that input's TensorSpec.

    Raises:
        ModelFileError: it is damaged, or no signature takes one image and gives one output.
        UntrustedModelError: it has operations that do more than compute.
    """
    if not (path / "saved_model.pb").is_file():
        raise ModelFileError(
            f"{path} is a folder without saved_model.pb; expected a SavedModel folder or a .keras file."
        )
    safety.check(path, trust=trust)
    try:
        with quiet():
            module = tf.saved_model.load(str(path))
        signature = _chosen(module, path)
    except (OSError, KeyError, ValueError, AttributeError, tf.errors.OpError) as error:
        raise ModelFileError(
            f"TensorFlow can't load the SavedModel {path}: {keras_file.first_line(error)}. Export it again."
        ) from error
    signature.module = module  # the variables live as long as the function
    [(name, spec)] = _inputs(signature).items()
    return signature, name, spec


def _chosen(module: Any, path: Path) -> Any:
    """The signature to convert: the default one if it takes an image, else the only one that does."""
    found = dict(module.signatures) or dict(_called(module))
    fitting = {name: each for name, each in found.items() if _takes_one_image(each)}
    if _DEFAULT in fitting or len(fitting) == 1:
        return fitting.get(_DEFAULT) or next(iter(fitting.values()))
    described = "; ".join(f"{name}: {_described(each)}" for name, each in found.items()) or "none"
    wanted = "one signature with one image (batch, height, width, 1 or 3) as input and one output"
    raise ModelFileError(f"{path} has the signatures {described}; expected {wanted}. Export only that signature.")


def _called(module: Any) -> Iterator[tuple[str, Any]]:
    """A module without signatures can still be called, as those of TensorFlow Hub."""
    for function in getattr(getattr(module, "__call__", None), "concrete_functions", ()):  # noqa: B004
        yield f"call {len(function.inputs)}", function


def _inputs(signature: Any) -> dict[str, Any]:
    arguments, named = signature.structured_input_signature
    return {**{str(number): spec for number, spec in enumerate(tf.nest.flatten(arguments))}, **named}


def _takes_one_image(signature: Any) -> bool:
    specs = list(_inputs(signature).values())
    outputs = tf.nest.flatten(signature.structured_outputs)
    if len(specs) != 1 or len(outputs) != 1 or not isinstance(specs[0], tf.TensorSpec):
        return False
    return specs[0].shape.rank == 4 and outputs[0].shape.rank in (None, 2)


def _described(signature: Any) -> str:
    shapes = [list(getattr(spec, "shape", ())) for spec in _inputs(signature).values()]
    return (
        f"inputs of shape {', '.join(map(str, shapes))} and "
        f"{len(tf.nest.flatten(signature.structured_outputs))} outputs"
    )


def call(signature: Any, name: str, spec: Any) -> Callable[[Any], Any]:
    """The signature as a function of one float32 image (1, height, width, channels)."""
    fixed = spec.shape[0]

    def run(image: Any) -> Any:
        images = image if fixed in (None, 1) else tf.repeat(image, fixed, axis=0)
        given = tf.cast(images, spec.dtype)
        outputs = tf.nest.flatten(signature(given) if name.isdigit() else signature(**{name: given}))
        return outputs[0] if fixed in (None, 1) else outputs[0][:1]

    return run

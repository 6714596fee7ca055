"""Finds plug-ins by file name, and imports none of them to list them.

A plug-in is one file in a folder of the package that holds nothing else (`edgecnn/quantization/schemes/int8.py` is the
scheme `int8`), or an entry point of another distribution in the group of that package name (for example
`edgecnn.quantization.schemes`).
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from edgecnn.core.errors import UsageError
from edgecnn.core.text import did_you_mean

P = TypeVar("P")


@dataclass(frozen=True)
class Registry:
    """The plug-ins of one kind.

    Attributes:
        kind: what one plug-in is called in messages, e.g. "scheme".
        package: dotted name of the package whose files are the plug-ins, and the group of entry points.
        former: the group of entry points that edgecnn 0.1 looked for; plug-ins that name it are found too.
    """

    kind: str
    package: str
    former: str = ""

    @functools.cached_property
    def _files(self) -> dict[str, str]:
        import pkgutil

        folder = Path(__file__).parents[1].joinpath(*self.package.split(".")[1:])
        # pkgutil also looks into a zip: on a board the package runs from one.
        stems = (module.name for module in pkgutil.iter_modules([str(folder)]) if not module.ispkg)
        return {stem: f"{self.package}.{stem}" for stem in stems}

    @functools.cached_property
    def _entry_points(self) -> dict[str, str]:
        from importlib.metadata import entry_points  # slow to import, and not needed to show most help

        groups = [group for group in (self.former, self.package) if group]
        if sys.version_info < (3, 10):
            found = entry_points()
            return {point.name: point.value for group in groups for point in found.get(group, ())}
        return {point.name: point.value for group in groups for point in entry_points(group=group)}

    def names(self) -> list[str]:
        """All plug-in names, sorted."""
        return sorted({**self._entry_points, **self._files})

    def literal(self, name: str, constant: str) -> Any:
        """A constant of a plug-in, e.g. its `SUMMARY`, read from the source: for help, which imports no plug-in."""
        import ast
        import importlib.util

        module = self._files.get(name) or self._entry_points[name]
        spec = importlib.util.find_spec(module)
        loader: Any = spec and spec.loader  # of a file or a zip, which both have the source
        for node in ast.parse(loader.get_source(module)).body:
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [constant]:
                return ast.literal_eval(node.value)
        raise UsageError(f"The {self.kind} {name} has no {constant}.")

    def load(self, name: str) -> Any:
        """Import one plug-in.

        Args:
            name: a plug-in's; or `NAME:ARGUMENT` for one that has a function `configured`, which makes a plug-in of the
                argument.

        Raises:
            UsageError: there is no plug-in of that name, or it takes no argument.
        """
        name, colon, argument = name.partition(":")
        module = self._files.get(name) or self._entry_points.get(name)
        if module is None:
            meant = did_you_mean(name, self.names())
            listed = f"Choose one of: {', '.join(self.names())}."
            raise UsageError(" ".join(part for part in (f"Unknown {self.kind} {name!r}.", meant, listed) if part))
        plugin = importlib.import_module(module)
        if not colon:
            return plugin
        if "configured" not in vars(plugin):
            raise UsageError(f"The {self.kind} {name} takes nothing after a colon; received {argument!r}. Remove it.")
        return plugin.configured(argument)

    def plugin(self, name: str, protocol: type[P]) -> P:
        """A plug-in with everything that its protocol promises.

        Args:
            name: see `load`.
            protocol: the class that describes the kind; what is optional has its default there, as an attribute or a
                static method, and is put into a file that leaves it out.

        Raises:
            UsageError: see `load`.
        """
        found = self.load(name)
        if isinstance(found, ModuleType):
            for attribute, default in _defaults(protocol).items():
                vars(found).setdefault(attribute, default)
        return found  # a test holds every file against its protocol, by mypy


def _defaults(protocol: type) -> Mapping[str, Any]:
    """The optional part of a protocol."""
    own = [vars(kind) for kind in reversed(protocol.__mro__) if kind.__module__.startswith("edgecnn")]
    return {
        name: value.__func__ if isinstance(value, staticmethod) else value
        for members in own
        for name, value in members.items()
        if not name.startswith("_") and (isinstance(value, staticmethod) or not callable(value))
    }


MODEL_FAMILIES = Registry("model", "edgecnn.models.families", "edgecnn.models")
WEIGHT_SOURCES = Registry("weights source", "edgecnn.weights.sources", "edgecnn.weights")
WEIGHT_MAPPINGS = Registry("weight mapping", "edgecnn.weights.mappings")
SCHEMES = Registry("scheme", "edgecnn.quantization.schemes", "edgecnn.quantize.schemes")
TRAINING_STRATEGIES = Registry("training strategy", "edgecnn.training.strategies", "edgecnn.train")
TASKS = Registry("task", "edgecnn.tasks.kinds")
DATA_KINDS = Registry("data set kind", "edgecnn.data.kinds", "edgecnn.data")
DEVICES = Registry("device", "edgecnn.devices.kinds", "edgecnn.devices")
DELEGATES = Registry("delegate", "edgecnn.runtime.delegates.kinds", "edgecnn.delegates")
CAMERA_SOURCES = Registry("frame source", "edgecnn.camera.sources")
CAMERA_SINKS = Registry("sink", "edgecnn.camera.sinks")
COMPRESSION = Registry("method", "edgecnn.compression.methods", "edgecnn.compress")
TARGETS = Registry("target", "edgecnn.targets.kinds", "edgecnn.targets")
CAUSES = Registry("cause", "edgecnn.verification.doctor.causes", "edgecnn.doctor.causes")
BOARDS = Registry("board", "edgecnn.boards")
STAGES = Registry("stage", "edgecnn.recipe.stages")
EXPORTS = Registry("target", "edgecnn.exports.kinds")

"""The folders of the package form layers: arrows run down, there is no circle, and nobody reaches into what is private.

Imports are read from the source, those inside of functions and of `TYPE_CHECKING` blocks too. A plug-in folder is never
imported by name: its registry finds its files, so it may stand on the room that uses it.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = (
    ("runtime",),
    ("core",),
    ("artifact", "html", "parallel", "web"),
    ("graph", "models"),
    ("float_model",),
    ("weights", "data", "boards", "devices"),
    ("builder", "encoders", "profiling", "tasks"),
    ("training", "labeling", "estimation"),
    ("quantization",),
    ("compression", "targets"),
    ("verification", "inspection"),
    ("ladder", "visualization", "reporting", "camera", "comparison", "exports", "open_set"),
    ("recipe", "collecting", "deployment"),
    ("searching",),
    ("api",),
    ("cli",),
)
"""Rooms from the ground up; those of one layer don't import each other."""
RUNTIME_LAYERS = (
    ("portable",),
    ("errors", "regular_file", "compat", "zips", "home"),
    ("memory_limit", "model", "opencv"),
    ("tasks",),
    ("run",),
    ("contract", "preprocess"),
    ("delegates",),
    ("measure",),
    ("process",),
    ("__main__",),
)


@functools.cache
def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted((ROOT / "edgecnn").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def package_of(module: str) -> str:
    return module if modules()[module].name == "__init__.py" else module.rpartition(".")[0]


def imports(path: Path, package: str) -> Iterator[str]:
    """Dotted names that a file imports: a module where the name is one, else the module that the name is taken from."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in modules() else base


@functools.cache
def arrows() -> tuple[tuple[str, str], ...]:
    """(module, module that it imports), within the package."""
    return tuple(
        (module, target)
        for module, path in modules().items()
        for target in imports(path, package_of(module))
        if target in modules()
    )


def room(module: str, depth: int) -> str:
    """A folder or a file at that depth: `edgecnn.core.files` is in the room `core` of depth 1."""
    return module.split(".")[depth] if module.count(".") >= depth else ""


@pytest.mark.parametrize(("root", "layers"), [("edgecnn", LAYERS), ("edgecnn.runtime", RUNTIME_LAYERS)])
def test_arrows_run_down(root: str, layers: tuple[tuple[str, ...], ...]) -> None:
    rank = {name: number for number, layer in enumerate(layers) for name in layer}
    depth = root.count(".") + 1
    rooms = {room(module, depth) for module in modules() if module.startswith(f"{root}.")}
    assert rooms - {"__main__"} == set(rank) - {"__main__"}, "each room stands in LAYERS once"
    wrong = {
        f"{module} -> {target}"
        for module, target in arrows()
        if module.startswith(f"{root}.") and target.startswith(f"{root}.")
        for here, there in [(room(module, depth), room(target, depth))]
        if here != there and here in rank and rank[there] >= rank[here]
    }
    assert not wrong


def test_there_is_no_circle_between_folders() -> None:
    """Also none between a folder and one inside it; a file right in the root is a room by itself."""

    def folder(module: str) -> str:
        package = package_of(module)
        return module if package in ("edgecnn", "edgecnn.runtime") else package

    refuse_circles((folder(module), folder(target)) for module, target in arrows())


def test_there_is_no_circle_between_modules() -> None:
    """Also none inside a folder: a type that two modules share stands in a module of its own."""
    refuse_circles(arrows())


@pytest.mark.parametrize("made", [[("a", "b"), ("b", "a")], [("x", "a"), ("a", "b"), ("b", "c"), ("c", "a")]])
def test_a_circle_is_found(made: list[tuple[str, str]]) -> None:
    with pytest.raises(AssertionError, match="a -> b"):
        refuse_circles(made)
    refuse_circles(made[:-1])


def refuse_circles(pairs: Iterable[tuple[str, str]]) -> None:
    """Fail with the way around, where following the arrows leads back to where it began."""
    graph: dict[str, set[str]] = {}
    for start, end in pairs:
        if start != end:
            graph.setdefault(start, set()).add(end)
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            for following in sorted(graph.get(name, ())):
                visit(following, (*path, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


def test_nobody_reaches_into_what_is_private() -> None:
    """A module whose name begins with an underscore is imported in its own folder only; tests and tools are outside."""
    wrong = [f"{module} -> {target}" for module, target in arrows() if _is_private(target, package_of(module))]
    for path in [*(ROOT / "tests").rglob("*.py"), *(ROOT / "tools").rglob("*")]:
        if path.is_file() and (path.suffix == ".py" or path.read_bytes().startswith(b"#!/usr/bin/env python")):
            wrong += [f"{path.name} -> {target}" for target in imports(path, "") if _is_private(target, "tests")]
    assert not wrong


def _is_private(target: str, package: str) -> bool:
    parts = target.split(".")
    private = [number for number, part in enumerate(parts) if part.startswith("_") and not part.startswith("__")]
    return parts[0] == "edgecnn" and bool(private) and package != ".".join(parts[: private[0]])

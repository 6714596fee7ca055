"""The runner against one interpreter, image by image."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from small_graphs import Graph, outputs_of

from edgecnn.graph.grid import Grid
from edgecnn.graph.replay import Runner, Values


@pytest.fixture(scope="module")
def model() -> bytes:
    graph = Graph()
    source = graph.tensor("image", (1, 8, 8, 3), "f4")
    return graph.build([source], [graph.conv("conv", source, 4, kernel=3, dtype="f4")])


def test_every_image_keeps_its_place(model: bytes) -> None:
    images = np.random.default_rng(0).normal(size=(13, 8, 8, 3)).astype(np.float32)
    expected = outputs_of(model, images)
    runner = Runner(model)
    np.testing.assert_array_equal(runner.run([Values(images)]).array, expected)
    grid = Grid.of(0.0, 6.0)
    coded = runner.run([Values(images)], grid)
    assert coded.array.dtype == np.uint8 and coded.grid is grid
    np.testing.assert_allclose(coded.real(coded.array), expected, atol=0.51 * grid.scale)
    entered = Values(grid.encode(np.abs(images)), grid)
    np.testing.assert_array_equal(runner.run([entered]).array, outputs_of(model, entered.real(entered.array)))


def test_items_are_drawn_once_each_and_an_error_reaches_the_caller(model: bytes) -> None:
    seen: list[int] = []
    Runner(model).each(range(50), lambda worker, item: seen.append(item))
    assert sorted(seen) == list(range(50))
    drawing = threading.Lock()

    def broken():
        with drawing:  # one thread at a time: a generator can't be entered twice
            yield 1
            raise ValueError("no picture")

    with pytest.raises(ValueError, match="no picture"):
        Runner(model).each(broken(), lambda worker, item: None)

"""A model has the same work whichever way it is given."""

from __future__ import annotations

import pytest

from edgecnn.estimation import graphs
from edgecnn.models.settings import BuildSettings


def test_name_keras_file_and_artifact_have_the_same_work(tiny_keras, tiny_int8):
    settings = BuildSettings(input_size=32, width=0.25, classes=5)
    named = graphs.subject("mobilenet_v1", settings).forms
    saved = graphs.subject(tiny_keras).forms
    artifact = graphs.subject(tiny_int8).forms
    assert named == saved and set(named) == {"float32", "int8"}
    assert artifact["int8"] == named["int8"]


@pytest.mark.parametrize(("name", "width", "size"), [("mobilenet_v2", 0.5, 96), ("mobilenet_v3_small", 1.0, None)])
def test_the_table_of_amounts_is_what_the_graphs_say(name, width, size):
    settings = BuildSettings(input_size=size, width=width)
    known = graphs.known_amounts(name, settings)
    counted = graphs.count(name, width, size)
    assert known == pytest.approx(counted, abs=0.5)


def test_other_classes_or_colors_are_not_looked_up():
    assert graphs.known_amounts("mobilenet_v2", BuildSettings(classes=5)) is None
    assert graphs.known_amounts("mobilenet_v2", BuildSettings(color="gray")) is None
    assert graphs.known_amounts("mobilenet_v2") is not None

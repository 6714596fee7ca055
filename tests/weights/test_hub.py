"""Weights from the hub, by its own client and from a double of the hub on this machine."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hub_double
import numpy as np
import pytest
import seeded_weights
import torch_files
from hub_double import COMMIT, HubDouble
from requirements import unavailable

from edgecnn.core.errors import MissingExtraError, UsageError, WeightsError
from edgecnn.core.files import file_sha256
from edgecnn.weights import hub

ARRAYS = {"fc.weight": np.zeros((5, 2), np.float32), "fc.bias": np.zeros(5, np.float32)}
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def client() -> None:
    if find_spec("huggingface_hub") is None:
        unavailable("huggingface_hub is not installed")


def run(code: str, cache: Path, endpoint: str) -> Any:
    """What a program prints as JSON; the client reads its environment when it is imported."""
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", f"import json\n{code}"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def fetched(weights: str, cache: Path, endpoint: str) -> Any:
    return run(
        "from edgecnn.weights import hub\nfrom edgecnn.core.errors import WeightsError\n"
        f"try:\n    found = hub.fetch({weights!r})\n    print(json.dumps([str(found.path), found.tag, found.origin]))\n"
        "except WeightsError as error:\n    print(json.dumps(str(error)))",
        cache,
        endpoint,
    )


def repository(folder: Path, **files: str) -> Path:
    folder.mkdir()
    torch_files.write_safetensors(folder / "model.safetensors", ARRAYS)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("revision", ["", "@v1", f"@{COMMIT}"])
def test_a_revision_is_pinned_to_its_commit(tmp_path: Path, revision: str) -> None:
    folder = repository(tmp_path / "repo", config_json="{}", README_md="")
    with hub_double.serving(HubDouble({"org/net": folder})) as endpoint:
        path, tag, origin = fetched(f"hf:org/net{revision}", tmp_path / "cache", endpoint)
    assert origin == {"source": "hf:org/net", "revision": COMMIT, "license": "apache-2.0"} and tag == ""
    assert file_sha256(path) == file_sha256(folder / "model.safetensors")
    assert Path(path).with_name("config.json").is_file()


@pytest.mark.usefixtures("client")
def test_all_files_of_an_index_come_too_and_a_pickle_only_without_safetensors(tmp_path: Path) -> None:
    folder = tmp_path / "sharded"
    folder.mkdir()
    torch_files.write_shards(folder, ARRAYS)
    (folder / "pytorch_model.bin").write_bytes(b"x")
    double = HubDouble({"org/net": folder})
    with hub_double.serving(double) as endpoint:
        path, _, _ = fetched("hf:org/net", tmp_path / "cache", endpoint)
    assert Path(path).name == "model.safetensors.index.json"
    assert Path(path).with_name("model-00002-of-00002.safetensors").is_file()
    assert not any("pytorch_model" in request for request in double.requests)


@pytest.mark.usefixtures("client")
def test_without_network_there_is_the_cache_or_one_sentence(tmp_path: Path) -> None:
    folder = repository(tmp_path / "repo")
    message = fetched("hf:org/net", tmp_path / "cache", NOWHERE)
    assert message.startswith("hf:org/net could not be downloaded from the hub: ") and "\n" not in message
    with hub_double.serving(HubDouble({"org/net": folder})) as endpoint:
        assert "RepositoryNotFoundError" in fetched("hf:org/other", tmp_path / "cache", endpoint)
        online = fetched(f"hf:org/net@{COMMIT}", tmp_path / "cache", endpoint)
    offline = fetched(f"hf:org/net@{COMMIT}", tmp_path / "cache", NOWHERE)
    assert offline[0] == online[0] and offline[2]["revision"] == COMMIT


@pytest.mark.usefixtures("client")
def test_a_repository_without_weights_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "README.md").write_text("")
    with hub_double.serving(HubDouble({"org/net": tmp_path / "repo"})) as endpoint:
        assert "has no weights file; expected model.safetensors" in fetched("hf:org/net", tmp_path, endpoint)


@pytest.mark.usefixtures("client")
def test_a_model_is_built_from_timm_with_labels_and_license(tmp_path: Path) -> None:
    recorded = Path(__file__).with_name("recorded") / "timm_mobilenetv3_small_075.json.gz"
    content = json.loads(gzip.decompress(recorded.read_bytes()))
    shapes = {**content["shapes"], "classifier.weight": [1000, 1024], "classifier.bias": [1000]}
    folder = tmp_path / "repo"
    folder.mkdir()
    torch_files.write_safetensors(folder / "model.safetensors", seeded_weights.weights(shapes, 1, content["norms"]))
    name = "mobilenetv3_small_075.lamb_in1k"
    with hub_double.serving(HubDouble({f"timm/{name}": folder})) as endpoint:
        found = run(
            "from edgecnn.builder import build_model\n"
            f"_, contract = build_model('mobilenet_v3_small', width=0.75, input_size=32, weights='timm:{name}')\n"
            "print(json.dumps(contract.to_dict()))",
            tmp_path / "cache",
            endpoint,
        )
    origin = found["provenance"]["weights"]
    assert (origin["source"], origin["revision"]) == (f"hf:timm/{name}", COMMIT)
    assert origin["sha256"] == file_sha256(folder / "model.safetensors")
    assert origin["license"] == "apache-2.0" and found["labels"][0] == "tench"


def test_without_the_client_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'edgecnn\[hub\]'"):
        hub.fetch("hf:org/net")


@pytest.mark.parametrize("weights", ["hf:", "hf:net", "hf:a/b/c", "hf:/b", "hf:a/", "timm:nothing.here"])
def test_incomplete_names_are_refused(weights: str) -> None:
    with pytest.raises(UsageError):
        hub.fetch(weights)


def test_models_without_published_weights_are_refused() -> None:
    with pytest.raises(WeightsError, match="timm publishes no weights of efficientnet_b6"):
        hub.fetch("timm:efficientnet_b6")

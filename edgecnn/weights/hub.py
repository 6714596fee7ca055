"""Weights from the Hugging Face hub, through its own client: `hf:ORG/NAME[@REVISION]` and `timm:MODEL.TAG`.

The revision that is downloaded is resolved to a commit first, so that the contract pins what was taken. HF_ENDPOINT,
HF_HOME, HF_TOKEN and HF_HUB_OFFLINE work as the client documents them; edgecnn itself reads none of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgecnn.core.errors import EdgecnnError, MissingExtraError, UsageError, WeightsError
from edgecnn.core.text import printable
from edgecnn.weights import published, safetensors

HUB, TIMM = "hf:", "timm:"
CONFIG = "config.json"
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""File names of weights, best first: a pickle only where there is no safetensors."""


@dataclass(frozen=True)
class Fetched:
    """A file of weights on this machine.

    Attributes:
        path: of the file.
        source: where it came from, for messages.
        tag: the published model that it is for sure; empty where the file must tell.
        origin: what the contract records beside the file's name and digest.
    """

    path: Path
    source: str
    tag: str = ""
    origin: dict[str, Any] = field(default_factory=dict)


def is_remote(weights: str) -> bool:
    """Whether weights are to be downloaded."""
    return weights.startswith((HUB, TIMM))


def fetch(weights: str) -> Fetched:
    """Download weights, or take them from the client's cache.

    Raises:
        UsageError: the name is incomplete or unknown.
        MissingExtraError: huggingface_hub is not installed.
        WeightsError: the hub can't be reached, or has no such repository, revision or weights.
    """
    repository, revision, tag = _parsed(weights)
    client = _client()
    try:
        path, known = _downloaded(client, repository, revision)
    except EdgecnnError:
        raise
    except Exception as error:  # its transport's, which is another library from version to version
        cached, known = _cached(client, repository, revision), {}
        if cached is None:
            reason = printable(str(error).strip().partition("\n")[0])[:200]
            raise WeightsError(
                f"{weights} could not be downloaded from the hub: {type(error).__name__}: {reason}. Check the "
                "name and the network, or give a file that you downloaded before."
            ) from error
        path = cached
    return Fetched(path, weights, tag, {"source": f"{HUB}{repository}", "revision": path.parent.name, **known})


def _downloaded(client: Any, repository: str, revision: str) -> tuple[Path, dict[str, str]]:
    """The file of weights, in the cache's folder of its commit, and its license where the repository names one."""
    found = client.HfApi().model_info(repository, revision=revision or None)
    names = {entry.rfilename for entry in found.siblings or ()}
    name = next((name for name in WEIGHTS if name in names), None)
    if name is None:
        raise WeightsError(
            f"{HUB}{repository} has no weights file; expected {' or '.join(WEIGHTS)}. Choose another repository."
        )
    path = _download(client, repository, name, found.sha)
    more = [CONFIG] if CONFIG in names else []
    for other in more + sorted({file.name for file in _shards(path)}):
        _download(client, repository, other, found.sha)
    license_ = getattr(found.card_data, "license", None)
    return path, {"license": str(license_)[:80]} if license_ else {}


def _cached(client: Any, repository: str, revision: str) -> Path | None:
    """The file of weights that an earlier download left in the client's cache."""
    found = (client.try_to_load_from_cache(repository, name, revision=revision or None) for name in WEIGHTS)
    return next((Path(path) for path in found if isinstance(path, str)), None)


def _parsed(weights: str) -> tuple[str, str, str]:
    """Repository, revision and tag."""
    if weights.startswith(TIMM):
        row = published.named(weights)
        if not row.hub:
            raise WeightsError(f"timm publishes no weights of {row.model} on the hub. Give another tag, or a file.")
        tagged = f"{TIMM}{row.model}.{row.hub.partition('.')[2]}" if not row.tag else weights
        return row.hub, "", tagged
    repository, _, revision = weights.removeprefix(HUB).partition("@")
    owner, slash, name = repository.partition("/")
    if not (owner and slash and name) or "/" in name:
        raise UsageError(f"The weights are {weights!r}; expected hf:ORG/NAME or hf:ORG/NAME@REVISION.")
    return repository, revision, ""


def _client() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError(
            "Downloading from the hub needs huggingface_hub. Install it with: pip install 'edgecnn[hub]'"
        ) from error
    return huggingface_hub


def _download(client: Any, repository: str, name: str, revision: str) -> Path:
    return Path(client.hf_hub_download(repository, name, revision=revision))


def _shards(path: Path) -> list[Path]:
    return list(safetensors.shards(path).values()) if path.name.endswith(".index.json") else []

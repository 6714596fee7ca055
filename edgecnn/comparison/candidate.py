"""What is known of one model: the artifact, and the records that verified and profiled it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgecnn.core.errors import UsageError
from edgecnn.core.files import read_record
from edgecnn.profiling import Profile
from edgecnn.profiling.results import Results
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.model_file import AnyFile
from edgecnn.verification import Verification

_QUANTIZED = "quantized.tflite"  # a run's artifact before `verify` told it what it found


@dataclass(frozen=True)
class Candidate:
    """A model of the comparison.

    Attributes:
        name: as it was given.
        file: the artifact.
        path: of the artifact.
        verification: that was made of this very file, if one is at hand.
        profiles: of this very file.
    """

    name: str
    file: AnyFile
    path: Path
    verification: Verification | None = None
    profiles: tuple[Profile, ...] = ()


def candidates(
    places: Sequence[str], verifications: Sequence[str] = (), profiles: Sequence[str] = ()
) -> tuple[Candidate, ...]:
    """Open artifacts and folders of runs.

    Args:
        places: `.tflite` files, or folders that `edgecnn run` wrote: their records are found there.
        verifications: results of `edgecnn verify --json FILE`, each of one of the artifacts.
        profiles: results of `edgecnn profile --json FILE`.

    Raises:
        UsageError: a folder holds no artifact, or a record is of none of the artifacts.
        EdgecnnError: a file is damaged.
    """
    found = [_opened(Path(place)) for place in places]
    for path in verifications:
        verification = read_record(path, Verification, "what `edgecnn verify --json FILE` writes")
        found = list(_with(found, verification, path))
    for path in profiles:
        for profile in read_record(path, Results, "what `edgecnn profile --json FILE` writes").profiles:
            found = list(_with(found, profile, path))
    return tuple(found)


def _opened(place: Path) -> Candidate:
    path = _artifact(place) if place.is_dir() else place
    candidate = Candidate(place.name if place.is_dir() else path.stem, model_file.read_any(path), path)
    if not place.is_dir():
        return candidate
    verification, profile = place / "verification.json", place / "profile.json"
    if verification.exists():
        record = read_record(verification, Verification, "what the stage verify writes")
        candidate = replace(candidate, verification=record)
    if profile.exists():
        results = read_record(profile, Results, "what the stage profile writes")
        candidate = replace(candidate, profiles=results.profiles)
    return candidate


def _artifact(folder: Path) -> Path:
    files = sorted(folder.glob("*.tflite"), key=lambda path: (path.name == _QUANTIZED, path.name))
    if not files:
        raise UsageError(f"{folder} holds no .tflite file; expected a folder that `edgecnn run` wrote.")
    return files[0]


def _with(found: Sequence[Candidate], record: Verification | Profile, path: str) -> Iterator[Candidate]:
    digest = record.model_sha256 if isinstance(record, Verification) else record.model.sha256
    if not any(each.file.sha256 == digest for each in found):
        raise UsageError(f"{path} is of none of these models; its digest is of another file.")
    for each in found:
        if each.file.sha256 != digest:
            yield each
        elif isinstance(record, Verification):
            yield replace(each, verification=record)
        else:
            yield replace(each, profiles=(*each.profiles, record))

"""What a person says of a model by others: every part of a contract that its file leaves open."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import UsageError
from edgecnn.core.options import Settings, option
from edgecnn.runtime.model.contract import COLORS, FITS, RESIZES, Contract, Preprocessing

if TYPE_CHECKING:
    from edgecnn.runtime.model.model_file import AnyFile, ModelFile

_PREPROCESSING = ("mean", "std", "color", "fit", "crop", "resize")


@dataclass(frozen=True)
class Hints(Settings):
    """What the file of a model by others leaves open; None leaves it to an assumption that is stated."""

    TITLE = "A model by others"

    mean: tuple[float, ...] | None = option(
        "Input normalization in pixel values, 0 to 255: one number, or one per channel.", metavar="M[,M,M]"
    )
    std: tuple[float, ...] | None = option("The model's input is (pixel - mean) / std.", low=0, metavar="S[,S,S]")
    color: str | None = option("Channel order of the model's input.", choices=COLORS)
    fit: str | None = option("How an image of another aspect ratio is fitted to the input.", choices=FITS)
    crop: float | None = option(
        "With --fit crop, the side of the center crop, as a share of the image's shorter side.",
        above=0, high=1, metavar="SHARE",
    )  # fmt: skip
    resize: str | None = option("Interpolation used to resize an image.", choices=RESIZES)
    labels: Path | None = option("Class names, one per line.", metavar="FILE")
    output_kind: str | None = option(
        "Meaning of the model's outputs: logits or probabilities (one class per image), independent_logits or "
        "independent_probabilities (several classes per image), binary_logit or binary_probability (of the "
        "second of two classes).",
        metavar="KIND",
    )  # fmt: skip
    input_size: int | None = option(
        "Input height and width, if the model does not fix them.", low=1, high=8192, unit="pixels", metavar="N"
    )

    @property
    def said(self) -> frozenset[str]:
        """Names of what was said."""
        return frozenset(field.name for field in dataclasses.fields(self) if getattr(self, field.name) is not None)

    def read(self, path: str | Path) -> ModelFile:
        """A `.tflite` file with what was said of it in its contract.

        Raises:
            ModelFileError: the file is missing, damaged or of another kind.
            UsageError: what was said can't be of this model.
        """
        from edgecnn.runtime.model import model_file

        path = Path(path)
        return self.read_bytes(model_file.read_bytes(path), path.name)

    def read_bytes(self, data: bytes, name: str) -> ModelFile:
        """The same for a file that is in memory already. Errors as of `read`."""
        from edgecnn.runtime.model import free_input, model_file
        from edgecnn.runtime.model.tflite import parse

        if self.input_size is not None:
            data = free_input.closed(data, parse(data, name), self.input_size)
        return self._to(model_file.from_bytes(data, name, self.said))

    def read_any(self, path: str | Path) -> tuple[AnyFile, str]:
        """Any `.tflite` file, with open input sizes closed; and what was taken for them, in a sentence or empty.

        Raises:
            ModelFileError: the file is missing or damaged.
            UsageError: what was said can't be of this model.
        """
        from edgecnn.runtime.model import free_input, model_file, purpose
        from edgecnn.runtime.model.tflite import parse

        path = Path(path)
        data = model_file.read_bytes(path)
        model = parse(data, path.name)
        taken = ""
        if not model_file.holds_contract(model, data):
            data = free_input.closed(data, model, self.input_size)
            taken = "" if self.input_size else free_input.sentence(model, path.name)
        file = model_file.any_from_bytes(data, path.name, self.said)
        if isinstance(file, model_file.ModelFile):
            return self._to(file), taken
        if said := sorted(self.said - {"input_size"}):
            options = ", ".join(f"--{name.replace('_', '-')}" for name in said)
            raise UsageError(
                f"{options} can be used only with an image classifier. {purpose.refusal(file.model.graph, file.name)}"
            )
        return file, taken

    def _to(self, file: ModelFile) -> ModelFile:
        from edgecnn.runtime.model.model_file import outputs_of

        return dataclasses.replace(file, contract=self.applied(file.contract, outputs_of(file.model)))

    def applied(self, contract: Contract, outputs: int | None = None) -> Contract:
        """A contract with what was said in place of what it says.

        Args:
            contract: of the model.
            outputs: how many outputs it has; None where that isn't known.

        Raises:
            UsageError: what was said can't be of this model.
        """
        from edgecnn.runtime.model.label_file import read_labels

        self._check_size(contract.preprocessing)
        changes: dict[str, Any] = {}
        if self.said.intersection(_PREPROCESSING):
            changes["preprocessing"] = self._preprocessing(contract.preprocessing)
            changes["assumed"] = (*contract.assumed, *filter(None, [self._caution()]))
        if self.labels is not None:
            changes["labels"] = read_labels(self.labels, outputs)
        if self.output_kind is not None:
            changes["output"] = self._output(contract)
        return contract.replace(**changes)

    def _preprocessing(self, before: Preprocessing) -> Preprocessing:
        given = {name: getattr(self, name) for name in _PREPROCESSING if name in self.said}
        if self.crop is not None and (self.fit or before.fit) != "crop":
            given["fit"] = given.get("fit", "crop")
        channels = before.channels
        if self.color is not None and (self.color == "gray") != (channels == 1):
            raise UsageError(
                f"--color is {self.color}, but the model's input has {channels} channel{'s'[: channels - 1]}. Choose "
                "the color that fits."
            )
        for name in ("mean", "std"):
            values = getattr(self, name)
            if values is not None and len(values) not in (1, channels):
                raise UsageError(
                    f"--{name} has {len(values)} values; expected 1, or 1 for each of the {channels} channels."
                )
        if self.std is not None and 0 in self.std:
            raise UsageError(
                "--std contains 0; expected other numbers, because the model's input is (pixel - mean) / std."
            )
        return dataclasses.replace(before, **given)

    def _output(self, contract: Contract) -> str | None:
        from edgecnn.runtime import tasks

        kinds = tasks.load(contract.task).outputs
        if self.output_kind not in kinds:
            raise UsageError(f"--output-kind is {self.output_kind!r}; expected one of {', '.join(kinds)}.")
        return self.output_kind

    def _check_size(self, preprocessing: Preprocessing) -> None:
        height, width = preprocessing.height, preprocessing.width
        if self.input_size is not None and {height, width} != {self.input_size}:
            raise UsageError(
                f"--input-size is {self.input_size}, but the model has a fixed input of {height} x {width} pixels. "
                "Remove --input-size."
            )

    def _caution(self) -> str:
        """Where mean and std look like those of pixels 0..1."""
        mean, std = self.mean or (), self.std or ()
        if all(value == 0 for value in mean) and all(value == 1 for value in std):
            return ""
        if any(abs(value) > 1 for value in (*mean, *std)):
            return ""
        named = [(name, values) for name, values in (("mean", mean), ("std", std)) if values]
        meant = " ".join(f"--{name} {','.join(f'{255 * value:g}' for value in values)}" for name, values in named)
        return (
            f"{' and '.join(f'--{name}' for name, _ in named)} are in pixel values, 0 to 255. The received values "
            f"look like those for pixels scaled to 0..1; multiply them by 255: {meant}."
        )


NO_HINTS = Hints()

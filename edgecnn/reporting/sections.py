"""The parts of the report, each from one record to HTML."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from html import escape

from edgecnn.core.text import counted
from edgecnn.graph.cost import total_macs
from edgecnn.graph.shapes import known
from edgecnn.html import charts
from edgecnn.html.page import chart, code, facts, folded, paragraph, table
from edgecnn.profiling import Profile, Row
from edgecnn.profiling.per_op import PerOperator
from edgecnn.profiling.text import digits
from edgecnn.runtime.measure.latency import Latencies
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.provenance import TrainingOrigin
from edgecnn.runtime.model.records import Share
from edgecnn.tasks import load, task_of
from edgecnn.verification.record import AnswerRecord, ShownImage, Verification

_LABELS = 3


def lead(file: ModelFile) -> str:
    """One sentence under the heading."""
    model, source = file.contract.model, file.contract.provenance
    parameters = f", {model.parameters:,} parameters" if model.parameters is not None else ""
    noun = task_of(file.contract).noun
    origin = "with its contract inside" if file.sealed else "by others, without a contract"
    return f"{noun[0].upper()}{noun[1:]} as {source.scheme or 'a'} .tflite file{parameters}, {origin}."


def figures(file: ModelFile, found: Verification | None, profiles: Sequence[Profile]) -> Iterator[tuple[str, str, str]]:
    """The large figures at the top: (value, what it is, detail)."""
    float_size = file.contract.provenance.float_size_bytes
    against = f"float: {_megabytes(float_size)}" if float_size else ""
    yield _megabytes(len(file.data)), "size", against
    if found:
        yield f"{found.agreement.percent:.1f} %", "agreement with float", _interval(found.agreement)
        for name, metric in list(found.metrics.items())[:1]:
            before = f"float: {metric.float_model.percent:.1f} %"
            yield f"{metric.artifact.percent:.1f} %", _title(found, name), before
    for profile in profiles[:2]:
        measurement = profile.best.measurement
        detail = f"{digits(measurement.throughput_fps)} fps"
        if profile.emulated:
            detail = "emulated, not representative of a real board"
        elif profile.best.noise.too_noisy:
            detail += ", too noisy to rely on"
        yield f"{digits(measurement.latency_ms.median)} ms", f"median on {device_name(profile)}", detail


def _title(found: Verification, metric: str) -> str:
    return load(found.task).titles.get(metric, metric)


def answers(found: Verification | None) -> str:
    """Thumbnails with the artifact's answer."""
    if not found:
        return ""
    note = paragraph("Left: the float model. Right: the artifact.", "note") if load(found.task).draws else ""
    return note + pictures(found, [_picture(image, _said(image.artifact, found)) for image in found.answers])


def flipped(found: Verification | None) -> str:
    """Thumbnails of the images on which the two models differ, with both answers."""
    if not found:
        return ""
    if not found.flipped:
        return paragraph(f"None of {found.pictures}.")
    items = []
    for image in found.flipped:
        if image.thumbnail:
            lines = f"float: {_said(image.float, found)}<br>artifact: {_said(image.artifact, found)}"
            items.append(_picture(image, lines))
    shown = pictures(found, items)
    rest = len(found.flipped) - len(items)
    count = paragraph(f"{len(found.flipped)} of {found.pictures} images.")
    return count + shown + (paragraph(f"{rest} more are in the verification's JSON.", "note") if rest else "")


def worst_image(image: ShownImage, found: Verification) -> str:
    """A thumbnail with the artifact's answer and the truth."""
    return _picture(image, f"artifact: {_said(image.artifact, found)}")


def pictures(found: Verification, items: Sequence[str]) -> str:
    """A gallery; where answers are drawn, each image is two side by side."""
    kind = "pictures pairs" if load(found.task).draws else "pictures"
    return f'<ul class="{kind}">{"".join(items)}</ul>'


def _picture(image: ShownImage, lines: str) -> str:
    truth = f"<small>truth: {escape(image.truth)}</small>" if image.truth else ""
    return (
        f'<li><img alt="{escape(image.name)}" src="data:image/jpeg;base64,{escape(image.thumbnail or "")}">'
        f"<div>{lines}{truth}<small>{escape(image.name)}</small></div></li>"
    )


def _said(answer: AnswerRecord, found: Verification) -> str:
    """The answer; its probability where it is about one class, and not about boxes of which each has its own."""
    share = ""
    if answer.probability is not None and not load(found.task).draws:
        share = f" <small>{100 * answer.probability:.0f} %</small>"
    return f"{escape(answer.label)}{share}"


def accuracy(file: ModelFile, found: Verification | None) -> str:
    """Float against artifact."""
    rows = [["size", _megabytes(file.contract.provenance.float_size_bytes), _megabytes(len(file.data)), ""]]
    if not found:
        return table(("", "float", "artifact", ""), rows) + paragraph(
            "Not verified. To verify, run `edgecnn verify`.", "note"
        )
    for name, metric in found.metrics.items():
        before, after = metric.float_model, metric.artifact
        change = f"{after.percent - before.percent:+.1f} points"
        rows.append([_title(found, name), _share(before), _share(after), change])
    for name, metric in found.details.items():
        rows.append([name, _share(metric.float_model), _share(metric.artifact), ""])
    if found.parts_agree is not None:
        rows.append(["matched boxes", "", _share(found.parts_agree), "with a score of 0.5 or more"])
    same = f"{found.agreement.count} of {found.pictures}"
    rows.append(["same answer", "", _share(found.agreement), same])
    rows.append(["signal-to-noise of the output", "", f"{found.snr_db:.1f} dB", ""])
    if found.golden:
        identical = f"{found.golden.identical} of {found.golden.count} identical"
        rows.append(["golden vectors", "", identical, "replayed on the device of the verification"])
    pictures = f"Evaluated on {found.pictures} images of {found.data}, against {found.against}."
    notes = [paragraph(f"{pictures} In brackets: 95 % confidence intervals.", "note")]
    if found.calibrated_on:
        warning = f"{found.calibrated_on} of these images were used for calibration, so the figures are optimistic."
        notes.append(paragraph(warning, "warning"))
    notes += [paragraph(sentence, "warning") for sentence in found.notes]
    return table(("", "float", "artifact", ""), rows) + "".join(notes)


def device_name(profile: Profile | PerOperator) -> str:
    """The device for a heading: what it is rather than how it was reached."""
    system = profile.system
    name = str(system.get("board") or system.get("cpu") or profile.device)
    return f"{name} (emulated)" if system.get("emulated") else name


def speed(profile: Profile) -> str:
    """Latency rows, histogram, what it was measured on, and whether it can be trusted."""
    columns = ("threads", "median", "fps", "first", "min", "p90", "p95", "p99", "GMAC/s", "peak RSS")
    best = profile.best.measurement
    parts = [_emulated(profile), table(columns, [_speed_row(row) for row in profile.rows])]
    parts += [
        paragraph("Times in milliseconds per inference; fps: inferences per second.", "note"),
        chart(
            charts.histogram(best.samples_ms, "latency in ms", marks=_marks(best.latency_ms)),
            f"Latency of {counted(best.runs, 'run')}, {counted(best.threads, 'thread')}",
        ),
    ]
    parts += [
        paragraph(f"{_row_name(row)} is too noisy: {' '.join([*row.noise.reasons, *row.noise.causes])}", "warning")
        for row in profile.rows
        if row.noise.too_noisy
    ]
    return "".join(parts) + _system(profile)


def _row_name(row: Row) -> str:
    return f"The row of {counted(row.measurement.threads, 'thread')}"


def _marks(latency: Latencies) -> list[tuple[float, str]]:
    return [(latency.median, f"median {digits(latency.median)} ms"), (latency.p95, f"p95 {digits(latency.p95)} ms")]


def _speed_row(row: Row) -> list[str]:
    measurement = row.measurement
    latency = measurement.latency_ms
    times = (latency.first, latency.min, latency.p90, latency.p95, latency.p99)
    start = str(measurement.threads), digits(latency.median), digits(measurement.throughput_fps)
    return [*start, *map(digits, times), f"{row.gmac_per_s:.1f}", _megabytes(measurement.peak_rss_bytes)]


def _emulated(profile: Profile) -> str:
    if not profile.emulated:
        return ""
    return paragraph(
        "Measured on an emulated processor: these latencies are not representative of a real board.", "warning"
    )


def _system(profile: Profile) -> str:
    names = ("browser", "cpu", "cores", "os", "python", "runtime", "governor", "user_agent")
    rows = [(name, str(profile.system[name])) for name in names if profile.system.get(name) is not None]
    return facts([*rows, ("delegate", profile.delegate), ("device", profile.device)])


def usage(file: ModelFile) -> str:
    """The contract, for a program that uses the file."""
    contract, graph = file.contract, file.model.graph
    preprocessing = contract.preprocessing
    tensor, output = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    window = f"center crop of {preprocessing.crop:.3g}" if preprocessing.fit == "crop" else preprocessing.fit
    rows = [
        ("input tensor", f"{tensor.dtype} {list(tensor.shape)}, {preprocessing.color.upper()}"),
        ("picture", f"{window}, resized ({preprocessing.resize}) to {preprocessing.width} x {preprocessing.height}"),
        ("the model sees", f"(pixel - {_numbers(preprocessing.mean)}) / {_numbers(preprocessing.std)}"),
        ("output", f"{output.dtype} {list(output.shape)}, {task_of(contract).output_sentence(contract)}"),
        ("labels", _few(contract.labels)),
        ("multiply-accumulates", _millions(total_macs(known(file)))),
    ]
    return facts(rows) + "".join(paragraph(sentence, "warning") for sentence in contract.assumed)


def provenance(file: ModelFile) -> str:
    """Versions, digests, calibration list."""
    model, source = file.contract.model, file.contract.provenance
    rows = [
        ("architecture", model.name),
        ("paper", model.paper),
        ("license of the weights", model.license),
        ("scheme", source.scheme),
        ("made with", f"edgecnn {source.edgecnn}, TensorFlow {source.tensorflow}" if source.edgecnn else ""),
        ("SHA-256 of this file", file.sha256),
        ("SHA-256 of the float model", source.float_sha256),
    ]
    calibration = source.calibration
    if not calibration:
        return facts(rows)
    rows.append(("calibrated on", f"{calibration.samples} images of {calibration.data}, seed {calibration.seed}"))
    listed = "\n".join(f"{digest}  {name}" for name, digest in calibration.pictures.items())
    return facts(rows) + folded("The calibration images, with their digests", code(listed))


def repeat(file: ModelFile, recipe: str) -> str:
    """Commands, and the recipe."""
    if recipe:
        return paragraph("To reproduce the artifact, save this recipe and run: edgecnn run RECIPE.toml") + code(recipe)
    if not file.sealed:  # nobody knows how it was made
        return code(
            "\n".join(shlex.join(["edgecnn", *words]) for words in (["inspect", file.name], ["profile", file.name]))
        )
    source = file.contract.provenance
    scheme, calibration = source.scheme or "int8", source.calibration
    options = ["--calibration", calibration.data, "--samples", str(calibration.samples)] if calibration else []
    options += ["--improve", source.improve.level] if source.improve else []
    weights = file.contract.model.weights or "none"
    trained = _training(source.training) if source.training else []
    commands = (
        ["build", file.contract.name, "--weights", weights, "-o", "model.keras"],
        *([trained] if trained else []),
        ["quantize", "trained.keras" if trained else "model.keras", "-o", file.name, "--scheme", scheme, *options],
        ["profile", file.name, "--device", "local"],
    )
    return code("\n".join(shlex.join(["edgecnn", *words]) for words in commands))


def _training(origin: TrainingOrigin) -> list[str]:
    """The command with the settings that decide most; all are in the contract."""
    settings = origin.phases[-1].settings if origin.phases else {}
    said = [
        word
        for name in ("epochs", "batch_size", "augment", "seed")
        if name in settings
        for word in (f"--{name.replace('_', '-')}", str(settings[name]))
    ]
    return ["train", "model.keras", "--data", origin.data, "--strategy", origin.strategy, *said, "-o", "trained.keras"]


def _few(labels: Sequence[str]) -> str:
    more = ", ..." if len(labels) > _LABELS else ""
    return f"{len(labels)}: {', '.join(labels[:_LABELS])}{more}" if labels else "none"


def _millions(count: int) -> str:
    return f"{count / 1e6:,.0f} million" if count >= 10e6 else f"{count / 1e6:.2g} million"


def _share(value: Share) -> str:
    return f"{value.percent:.1f} % {_interval(value)}"


def _interval(value: Share) -> str:
    return f"[{value.low_percent:.1f}, {value.high_percent:.1f}]"


def _megabytes(size: int | None) -> str:
    return f"{digits(size / 1e6)} MB" if size else ""


def _numbers(values: Sequence[float]) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else "[" + ", ".join(f"{value:g}" for value in values) + "]"

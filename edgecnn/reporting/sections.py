"""The parts of the report, each from one record to HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from edgecnn.core.text import counted
from edgecnn.graph.cost import total_macs
from edgecnn.html import charts
from edgecnn.html.page import code, facts, folded, paragraph, table
from edgecnn.runtime.model.model_file import ModelFile

Record = dict[str, Any]


def lead(file: ModelFile) -> str:
    """One sentence under the heading."""
    model, source = file.contract.model, file.contract.provenance
    parameters = f", {model['parameters']:,} parameters" if "parameters" in model else ""
    return f"A picture classifier as {source.get('scheme', 'a')} .tflite file{parameters}, with its contract inside."


def figures(file: ModelFile, found: Record | None, profiles: Sequence[Record]) -> Iterator[tuple[str, str, str]]:
    """The large figures at the top: (value, what it is, detail)."""
    float_size = file.contract.provenance.get("float_size_bytes")
    against = f"float: {_megabytes(float_size)}" if float_size else ""
    yield _megabytes(len(file.data)), "size", against
    if found:
        agreement = found["agreement"]
        yield f"{agreement['percent']:.1f} %", "agrees with float", _interval(agreement)
        if found["top1"]:
            yield (
                f"{found['top1']['percent']:.1f} %",
                "top-1 accuracy",
                f"float: {found['float_top1']['percent']:.1f} %",
            )
    for profile in profiles[:2]:
        row = _best(profile)
        emulated = (
            "emulated, says nothing of a real board"
            if profile["emulated"]
            else f"{row['throughput_fps']:.0f} per second"
        )
        yield f"{row['latency_ms']['median']:.2f} ms", f"median on {device_name(profile)}", emulated


def answers(found: Record | None) -> str:
    """Thumbnails with the artifact's answer."""
    if not found:
        return ""
    items = [_picture(entry, _said(entry["artifact"])) for entry in found["answers"]]
    return f'<ul class="pictures">{"".join(items)}</ul>'


def flipped(found: Record | None) -> str:
    """Thumbnails of the pictures on which the two models differ, with both answers."""
    if not found:
        return ""
    if not found["flipped"]:
        return paragraph(f"None of {found['pictures']}.")
    items = []
    for entry in found["flipped"]:
        if entry["thumbnail"]:
            lines = f"float: {_said(entry['float'])}<br>artifact: {_said(entry['artifact'])}"
            items.append(_picture(entry, lines))
    shown = f'<ul class="pictures">{"".join(items)}</ul>'
    rest = len(found["flipped"]) - len(items)
    count = paragraph(f"{len(found['flipped'])} of {found['pictures']} pictures.")
    return count + shown + (paragraph(f"{rest} more are in the verification's JSON.", "note") if rest else "")


def _picture(entry: Record, lines: str) -> str:
    truth = f"<small>truth: {escape(entry['truth'])}</small>" if entry["truth"] else ""
    return (
        f'<li><img alt="{escape(entry["name"])}" src="data:image/jpeg;base64,{entry["thumbnail"]}">'
        f"<div>{lines}{truth}<small>{escape(entry['name'])}</small></div></li>"
    )


def _said(answer: Record) -> str:
    return f"{escape(answer['label'])} <small>{100 * answer['probability']:.0f} %</small>"


def accuracy(file: ModelFile, found: Record | None) -> str:
    """Float against artifact."""
    rows = [["size", _megabytes(file.contract.provenance.get("float_size_bytes")), _megabytes(len(file.data)), ""]]
    if not found:
        return table(("", "float", "artifact", ""), rows) + paragraph("Not verified: run `edgecnn verify`.", "note")
    for name in ("top1", "top5"):
        if found[name]:
            before, after = found[f"float_{name}"], found[name]
            rows.append(
                [
                    f"top-{name[3:]}",
                    _share(before),
                    _share(after),
                    f"{after['percent'] - before['percent']:+.1f} points",
                ]
            )
    rows.append(
        ["same best class", "", _share(found["agreement"]), f"{found['agreement']['count']} of {found['pictures']}"]
    )
    rows.append(["signal-to-noise of the output", "", f"{found['snr_db']} dB", ""])
    golden = found["golden"]
    if golden:
        identical = f"{golden['identical']} of {golden['count']} identical"
        rows.append(["golden vectors", "", identical, "replayed where it was verified"])
    pictures = f"{found['pictures']} pictures of {found['data']}, against {found['against']}."
    said = f"{pictures} In brackets: 95 % confidence intervals."
    notes = [paragraph(said, "note")]
    if found["calibrated_on"]:
        warning = f"The artifact was calibrated on {found['calibrated_on']} of these pictures: the figures flatter."
        notes.append(paragraph(warning, "warning"))
    return table(("", "float", "artifact", ""), rows) + "".join(notes)


def device_name(profile: Record) -> str:
    """The device for a heading: what it is rather than how it was reached."""
    system = profile["system"]
    name = str(system.get("board") or system.get("cpu") or profile["device"])
    return f"{name} (emulated)" if system.get("emulated") else name


def speed(profile: Record) -> str:
    """Latency rows, histogram, what it was measured on, and whether it can be trusted."""
    columns = ("threads", "first", "min", "median", "p90", "p95", "p99", "per second", "GMAC/s", "peak RSS")
    rows = []
    for row in profile["rows"]:
        latency = row["latency_ms"]
        times = [f"{latency[name]:.2f}" for name in ("first", "min", "median", "p90", "p95", "p99")]
        memory = _megabytes(row["peak_rss_bytes"])
        rows.append([str(row["threads"]), *times, f"{row['throughput_fps']:.0f}", f"{row['gmac_per_s']:.1f}", memory])
    best = _best(profile)
    marks = [
        (best["latency_ms"]["median"], f"median {best['latency_ms']['median']:.2f} ms"),
        (best["latency_ms"]["p95"], "p95"),
    ]
    parts = [_emulated(profile), table(columns, rows), paragraph("Times in milliseconds per inference.", "note")]
    parts += [
        f"<h3>Latency of {counted(best['runs'], 'run')}, {counted(best['threads'], 'thread')}</h3>",
        charts.histogram(best["samples_ms"], "ms", marks=marks),
    ]
    parts += [
        paragraph(f"Too noisy: {' '.join([*row['noise']['reasons'], *row['noise']['causes']])}", "warning")
        for row in profile["rows"]
        if row["noise"]["too_noisy"]
    ][:1]
    return "".join(parts) + _system(profile)


def _emulated(profile: Record) -> str:
    if not profile["emulated"]:
        return ""
    return paragraph("Measured on an emulated processor: these times say nothing about a real board.", "warning")


def _system(profile: Record) -> str:
    system = profile["system"]
    names = ("cpu", "cores", "os", "python", "runtime", "governor")
    rows = [(name, str(system[name])) for name in names if system.get(name) is not None]
    return facts([*rows, ("delegate", profile["delegate"]), ("device", profile["device"])])


def _best(profile: Record) -> Record:
    best: Record = min(profile["rows"], key=lambda row: row["latency_ms"]["median"])
    return best


def usage(file: ModelFile) -> str:
    """The contract, for a program that uses the file."""
    contract, graph = file.contract, file.model.graph
    preprocessing = contract.preprocessing
    tensor, output = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    window = f"the central {preprocessing.crop:.3g} of it" if preprocessing.fit == "crop" else preprocessing.fit
    rows = [
        ("input tensor", f"{tensor.dtype} {list(tensor.shape)}, {preprocessing.color.upper()}"),
        ("picture", f"{window}, resized ({preprocessing.resize}) to {preprocessing.width} x {preprocessing.height}"),
        ("the model sees", f"(pixel - {_numbers(preprocessing.mean)}) / {_numbers(preprocessing.std)}"),
        ("output", f"{output.dtype} {list(output.shape)}, {contract.output}"),
        ("labels", f"{len(contract.labels)}: {', '.join(contract.labels[:3])}, ..." if contract.labels else "none"),
        ("multiply-accumulates", f"{total_macs(graph) / 1e6:,.0f} million"),
    ]
    return facts(rows) + "".join(paragraph(sentence, "warning") for sentence in contract.assumed)


def provenance(file: ModelFile) -> str:
    """Versions, digests, calibration list."""
    model, source = file.contract.model, file.contract.provenance
    rows = [
        ("architecture", str(model.get("name", ""))),
        ("paper", str(model.get("paper", ""))),
        ("license of the weights", str(model.get("license", ""))),
        ("scheme", str(source.get("scheme", ""))),
        (
            "made with",
            f"edgecnn {source.get('edgecnn')}, TensorFlow {source.get('tensorflow')}" if "edgecnn" in source else "",
        ),
        ("SHA-256 of this file", file.sha256),
        ("SHA-256 of the float model", str(source.get("float_sha256", ""))),
    ]
    calibration = source.get("calibration")
    if not calibration:
        return facts(rows)
    rows.append(
        ("calibrated on", f"{calibration['samples']} pictures of {calibration['data']}, seed {calibration['seed']}")
    )
    listed = "\n".join(f"{digest}  {name}" for name, digest in calibration["pictures"].items())
    return facts(rows) + folded("The calibration pictures, with their digests", code(listed))


def repeat(file: ModelFile, recipe: str) -> str:
    """Commands, and the recipe."""
    source = file.contract.provenance
    if recipe:
        return paragraph("Save this recipe and run it with: edgecnn run RECIPE.toml") + code(recipe)
    calibration = source.get("calibration", {})
    options = f" --calibration {calibration['data']} --samples {calibration['samples']}" if calibration else ""
    if improve := source.get("improve"):
        options += f" --improve {improve['level']}"
    build = f"edgecnn build {file.contract.name} --weights {file.contract.model.get('weights', 'none')} -o model.keras"
    quantize = f"edgecnn quantize model.keras -o {file.name} --scheme {source.get('scheme', 'int8')}{options}"
    return code(f"{build}\n{quantize}\nedgecnn profile {file.name} --device local")


def _share(value: Record) -> str:
    return f"{value['percent']:.1f} % {_interval(value)}"


def _interval(value: Record) -> str:
    return f"[{value['low_percent']:.1f}, {value['high_percent']:.1f}]"


def _megabytes(size: int | None) -> str:
    return f"{size / 1e6:.2f} MB" if size else ""


def _numbers(values: Sequence[float]) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else "[" + ", ".join(f"{value:g}" for value in values) + "]"

"""Prometheus's text format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[str, Mapping[str, str], float]


def metric(name: str, kind: str, help: str, samples: Iterable[Sample]) -> str:
    """One metric with its samples.

    Args:
        name: of the metric.
        kind: "counter", "gauge" or "summary".
        help: one line.
        samples: what follows the name (`_sum`, `_count` or nothing), labels, and the value.
    """
    lines = [f"# HELP {name} {help}", f"# TYPE {name} {kind}"]
    for suffix, labels, value in samples:
        inner = ",".join(f'{key}="{escaped(text)}"' for key, text in labels.items())
        lines.append(f"{name}{suffix}{f'{{{inner}}}' if inner else ''} {value!r}")
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """The value of a label: any text but backslash, double quote and line feed, which are escaped."""
    plain = text.encode("utf-8", "replace").decode()
    return plain.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

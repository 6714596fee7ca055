"""A static page that runs the model in the browser of a phone: by LiteRT.js (WebAssembly), installable, offline."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import UsageError
from edgecnn.core.files import sha256
from edgecnn.core.options import Settings, option
from edgecnn.core.text import printable
from edgecnn.exports import Contents, template

if TYPE_CHECKING:
    from edgecnn.runtime.model.model_file import ModelFile
    from edgecnn.runtime.run.program import TensorInfo

SUMMARY = "a web page that runs the model on the phone that opens it"
_OWN = ("app.js", "classifier.js", "golden.js", "preprocess.js", "style.css")
_TYPES = ("uint8", "float32")


@dataclass(frozen=True)
class Options(Settings):
    """Where LiteRT.js comes from."""

    runtime: Path | None = option(
        "Folder in which `npm install @litertjs/core` was run.",
        metavar="FOLDER", default_help="fetched by npm once",
    )  # fmt: skip


def contents(file: ModelFile, options: Options) -> Contents:
    """The page, the model and its contract, and the runtime; see `edgecnn.exports.ExportKind`."""
    from edgecnn.exports.model_json import classifier_of, model_json
    from edgecnn.web import litertjs

    contract = classifier_of(file)
    details = _details(file)
    runtime, version = litertjs.files(options.runtime)
    title, policy = html.escape(printable(contract.name)), litertjs.content_policy()
    files = {
        "index.html": template.filled("web/index.html", TITLE=title, IMPORTS=litertjs.IMPORT_MAP, POLICY=policy),
        "manifest.webmanifest": _manifest(printable(contract.name)),
        "icon.svg": template.read("web/icon.svg.j2"),
        "model.json": model_json(contract, **details),
        "model.tflite": file.data,
        **{name: template.read(f"web/{name}") for name in _OWN},
        **runtime,
    }
    readme = template.filled("web/README.md.j2", name=template.plain(contract.name), version=template.plain(version))
    worker = template.filled("web/sw.js", FILES=_kept(files))
    other = (f"LiteRT.js is {version}; {litertjs.VERSION} was tested.",) if version != litertjs.VERSION else ()
    return Contents({**files, "sw.js": worker, "README.md": readme}, notes=(*contract.assumed, *other))


def _details(file: ModelFile) -> dict[str, Any]:
    """What the page needs beside the contract: tensors as LiteRT.js takes them, and golden vectors.

    Raises:
        UsageError: LiteRT.js has no tensors of the model's types.
    """
    from edgecnn.runtime.process import guard
    from edgecnn.runtime.run import golden
    from edgecnn.runtime.run.engine import Engine, Interface
    from edgecnn.runtime.run.preprocess import input_table

    interface = Interface(file)
    for info in (interface.input, interface.output):
        if info.dtype.name not in _TYPES:
            raise UsageError(
                f"{file.name} has tensors of type {info.dtype.name}; LiteRT.js takes {' and '.join(_TYPES)}. Quantize "
                "the model again with --io uint8 or --io float32."
            )
    vectors = file.contract.golden
    if vectors is None or vectors.generator != golden.GENERATOR:
        guard.try_out(file)
        vectors = golden.make(Engine(file, threads=1))
    taken = interface.input
    table = input_table(file.contract.preprocessing, taken.dtype, taken.scale, taken.zero_point)
    return {
        "input": {**_tensor(taken), "table": table.tolist()},
        "output_tensor": _tensor(interface.output),
        "golden": vectors.to_dict(),
        "sha256": file.sha256,
    }


def _tensor(info: TensorInfo) -> dict[str, Any]:
    return {"type": info.dtype.name, "scale": info.scale, "zero_point": info.zero_point}


def _manifest(name: str) -> bytes:
    return template.ascii_json(
        {
            "name": name,
            "short_name": name[:12],
            "start_url": "./",
            "scope": "./",
            "display": "standalone",
            "background_color": "#0e1418",
            "theme_color": "#0b7a75",
            "icons": [{"src": "icon.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
        }
    )


def _kept(files: dict[str, bytes]) -> str:
    """What the service worker keeps at once (the runtime's builds when they are used), and the version of all."""
    version = sha256(json.dumps({name: sha256(content) for name, content in sorted(files.items())}).encode())[:16]
    return json.dumps({"version": version, "files": ["./", *sorted(set(files) - {n for n in files if "/wasm/" in n})]})

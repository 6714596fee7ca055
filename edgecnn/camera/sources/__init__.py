"""Where frames come from: one file per kind of source; `edgecnn.camera.source.SourceKind` says what a file has."""

"""Sinks of the live camera, one file each; see `edgecnn.camera.sink`."""

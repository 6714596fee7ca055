"""Deployments: a camera, a model and sinks as a service of a board, which starts at boot, updates and goes back.

`board/` is what runs there; it stands on the standard library, the runtime and `edgecnn.camera`.
"""

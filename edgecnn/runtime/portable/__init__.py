"""What differs between Linux, macOS and Windows: the only modules that import what one of them lacks.

`sys.platform` decides, since mypy follows it. Everything here is importable everywhere.
"""

"""Accelerators with a compiler of their own, one file each."""

"""Delegates: loading them, and why one can't be loaded."""

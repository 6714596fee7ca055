"""Browsers as devices, here and on phones: a page runs models by LiteRT.js, and asks this machine for its tasks."""

"""A call in a child process, forked where the system forks safely, otherwise a new Python. Standard library only."""

from __future__ import annotations

from ..portable import processes
from . import forked, spawned

OutOfTimeError = forked.OutOfTimeError
called = forked.called if processes.FORKS_AT_ANY_TIME else spawned.called

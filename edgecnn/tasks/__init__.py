"""What a model is for: everything that depends on it is asked of its task, a file of `edgecnn/tasks/kinds/`."""

from __future__ import annotations

from edgecnn.tasks.task import Score, Task, load, task_of

__all__ = ["Score", "Task", "load", "task_of"]

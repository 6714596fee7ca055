"""Tasks, one file each: `TASK`, a `Task`. What a device must know of it is in `edgecnn/runtime/tasks/`."""

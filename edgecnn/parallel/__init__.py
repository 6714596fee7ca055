"""Work on several processors or machines, a file each; see `edgecnn.parallel.executor.Executor` and `.workers`."""

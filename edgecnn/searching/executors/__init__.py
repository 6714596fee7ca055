"""Where the jobs of a search run, a file each; see `edgecnn.searching.executors.executor.Executor`."""

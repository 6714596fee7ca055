"""Where jobs run, a file each; see `edgecnn.search.executor.Executor`."""

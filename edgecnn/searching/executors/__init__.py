"""Where jobs run, a file each; see `edgecnn.searching.executor.Executor`."""

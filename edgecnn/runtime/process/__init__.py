"""Child processes, locks and the jobs that the host asks for."""

"""A structure-aware fuzzer of the command line: `tools/fuzz`, and a fixed part of it in the tests.

A target (a file of `targets/`) makes cases from a seed: files of a stranger and one command that reads them. A case is
run in a forked child with limits; a traceback, a signal, a hang, too much memory, or text that a terminal would obey is
a finding, and is kept with its files and the command line that shows it again.
"""

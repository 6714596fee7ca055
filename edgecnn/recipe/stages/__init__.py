"""The stages of a run, a file each: from files to files.

A stage is done again when its section of the recipe, an input file or a data set changed. Since stages are
deterministic, a stage that was done again with the same result leaves the later ones alone.
"""

"""What can be wrong with an int8 model, one file per cause: each defines `examine(case) -> Finding | None`."""

"""What every room of the host stands on: errors, files, plug-ins, progress, statistics."""

"""Programs and devices that an artifact is exported for, one file each."""

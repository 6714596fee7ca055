"""A recipe: one validated TOML file, its stages, and the run that resumes."""

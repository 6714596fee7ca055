"""What a model's output means, one file per task; NumPy only."""

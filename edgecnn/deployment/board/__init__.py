"""The board's side of a deployment: the service itself, and the program that installs, updates and removes it."""

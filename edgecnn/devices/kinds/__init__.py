"""Machines that a model runs on, one file per way to reach one."""

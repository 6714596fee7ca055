"""Latency, per operator, over minutes, interleaved; and the state of the machine."""

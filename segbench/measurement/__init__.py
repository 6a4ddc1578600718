"""Measurement: fresh processes, instruments, and the order in which they run."""

"""Instruments of a worker: each is one file and one row in the worker's table."""

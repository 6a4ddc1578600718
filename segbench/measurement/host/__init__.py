"""The machine: CPUs, memory, and what disturbs a measurement."""

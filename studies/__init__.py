"""Tests whether segmentation networks are fast, small and good enough for a CPU."""

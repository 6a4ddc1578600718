"""Datasets of labelled scenes: layouts on disk, label codes, and a procedural one."""

"""Benchmarks: each prints what it measured next to greenswitch, in one run."""

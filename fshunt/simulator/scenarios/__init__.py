"""Calls that the demo, the tests and the benchmark make."""

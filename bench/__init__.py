"""Benchmarks: ``make bench``, or ``python -m bench queue|cycles [--quick]``."""

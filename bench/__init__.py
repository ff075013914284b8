"""Benchmarks: ``make bench``, or ``python -m bench queue|cycles|reads [--quick]``."""

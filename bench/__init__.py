"""Benchmarks: ``make bench``, or ``python -m bench [part …] [--quick]``."""

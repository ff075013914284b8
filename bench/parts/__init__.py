"""The benchmarks, one a file; what they share is one folder up."""

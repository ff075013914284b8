"""EmProps: a self-hostable backend for generative media."""

__version__ = "0.1.0"

"""A day of an installation, replayed on a clock of its own."""

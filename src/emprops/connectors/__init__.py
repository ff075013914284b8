"""One adapter for each kind of service that can do the work."""

"""Sample workflows and collections that run on the built-in engine."""

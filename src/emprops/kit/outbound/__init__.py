"""HTTP that goes out: the guarded client, and what it lets through."""

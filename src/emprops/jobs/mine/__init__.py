"""All jobs of one user, as they change: one code for WebSockets and for server-sent events."""

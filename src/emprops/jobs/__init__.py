"""One job's life."""

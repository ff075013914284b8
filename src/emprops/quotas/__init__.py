"""How much one user, API key or collection may have at once, and start in a time."""

"""Transport between the orchestrator and the workers. Knows no feature."""

"""The process that pulls work and runs it. Needs Redis, storage and connectors; never PostgreSQL."""

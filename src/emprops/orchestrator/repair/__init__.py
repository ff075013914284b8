"""Duties that find what got lost between PostgreSQL and Redis, and put it right."""

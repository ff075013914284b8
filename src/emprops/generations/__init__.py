"""The orchestrator, the one place where features meet: start, reports, finish, rescue."""

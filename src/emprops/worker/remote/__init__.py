"""The way to the queue over HTTP, for a worker that has an API key and neither Redis nor storage of its own."""

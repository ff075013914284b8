"""HTTP and WebSockets as this project serves them: requests, replies, streams, idempotency."""

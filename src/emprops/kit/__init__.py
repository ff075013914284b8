"""What has no business words in it: engines, requests, streams, ids, time."""

"""Changes that a person asks for: retry, cancel, complete or fail from outside, offer again."""

"""From a request to a stored job with its steps: plan, price, insert."""

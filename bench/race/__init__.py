"""Next to others: the same work done by this system and by what people use instead, in one run."""

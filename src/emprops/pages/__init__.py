"""Web pages for people: an output, a published deck."""

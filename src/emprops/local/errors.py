"""What prevents a start, apart from the rest of this room: looking at a data folder needs no processes."""


class LocalError(Exception):
    """Something on this machine prevents the start; the message is a sentence for the person at the terminal."""

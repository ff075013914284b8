"""``emprops worker``: a process that pulls jobs. It needs Redis and storage, never PostgreSQL."""

import asyncio

import emprops.worker.main
from emprops.cli.exits import one_sentence, read_settings


def worker() -> None:
    """Pull jobs from the queue and run them, until SIGTERM."""
    with one_sentence():
        asyncio.run(emprops.worker.main.main(read_settings()))

"""Processes that tests hold up."""

import asyncio
import os
import signal
from asyncio.subprocess import Process


async def pause(process: Process) -> None:
    """Stop a process with SIGSTOP, and return once it stands still: the signal alone arrives some time later."""
    process.send_signal(signal.SIGSTOP)
    await asyncio.to_thread(os.waitid, os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

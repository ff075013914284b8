"""Run a program that ends when the process that started it ends, however that happens.

Used as a script, ``python -I -S leash.py PARENT SIGNAL UID GID PROGRAM [ARGUMENT …]``: it gives up root for the
account (``-1``: keep the caller's), asks the kernel for SIGNAL on the death of PARENT, and becomes PROGRAM. A script,
because the usual hook between fork and exec is not safe in a process that has threads. On systems without
``prctl`` (macOS) the program outlives a killed parent; the next one that starts in its folder replaces it.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Become the program; returns only by raising, with exit code 0 when the parent is already gone."""
    parent, death_signal, uid, gid = (int(argument) for argument in arguments[:4])
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # after setuid, which clears the request
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(0)
    os.execv(arguments[4], arguments[4:])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])

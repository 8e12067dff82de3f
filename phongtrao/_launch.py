"""Become a server that cannot outlive the process which asked for it.

Run by path with `python -I -S`, never imported: between `fork` and `exec` of a program with threads no Python code may
run, so the rights are dropped and the tie to the parent is made here, in a process of its own, which then becomes the
server (same process id).

    _launch.py PARENT_PID SIGNAL UID GID pdeathsig|pipe PROGRAM ARGUMENT...
"""

import ctypes  # now: the user that we become may not be able to read the library
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _ask_the_kernel(parent: int, sent: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, sent, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it died before the kernel knew of our wish
        raise SystemExit(0)


def _watch_a_pipe(sent: int) -> None:
    """Leave a watcher behind: standard input ends when the parent is gone; a byte says that the server is."""
    server = os.getpid()
    if child := os.fork():
        os.waitpid(child, 0)
        return
    if os.fork():  # twice, so that the server has no child which it did not make
        os._exit(0)
    os.closerange(1, 65536)  # the folder's lock above all: the watcher must not hold it
    if not os.read(0, 1):
        os.kill(server, sent)
    os._exit(0)


def _main(arguments: list[str]) -> None:
    parent, sent, uid, gid = (int(value) for value in arguments[:4])
    os.umask(0o077)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After the change of user: the kernel forgets the wish at that moment.
    if arguments[4] == "pdeathsig":
        _ask_the_kernel(parent, sent)
    else:
        _watch_a_pipe(sent)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and what is ignored is inherited
    os.execv(arguments[5], arguments[5:])  # noqa: S606


_main(sys.argv[1:])

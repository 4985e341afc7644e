"""Runs one program as our child: drops root if asked, ties its life to its parent's, becomes it (same pid).

A parent that dies of kill -9 cannot stop anything, so on Linux the kernel does it: the death signal is set
here, after the user change (which would clear it) and before exec. Started by path with `python -I -S`: it
imports nothing of ours.
"""

import argparse
import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int, signal_number: int) -> None:
    """Linux only; elsewhere leftovers are found by their pids at the next start."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent_pid:  # it died before the line above, so no signal will come
        sys.exit(1)


def become_user(name: str) -> None:
    entry = pwd.getpwnam(name)
    os.initgroups(name, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ["HOME"] = entry.pw_dir
    os.environ["USER"] = os.environ["LOGNAME"] = name


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=int, required=True)
    parser.add_argument("--user", default="")
    parser.add_argument("argv", nargs="+")
    options = parser.parse_args()
    if options.user:
        become_user(options.user)
    die_with_parent(options.parent, options.signal)
    try:
        os.execvpe(options.argv[0], options.argv, os.environ)  # noqa: S606 - no shell wanted
    except OSError as error:
        sys.exit(f"cannot run {options.argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main()

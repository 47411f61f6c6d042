"""What we write is nobody else's to read: characters, answers, votes, logs and locks."""

from __future__ import annotations

import os

GROUP_WRITES = 0o020


def keep_private() -> None:
    """From here on, files of this process and of those it starts are closed to others: 0600, folders 0700.

    A umask that lets a group write (002, 007) is a wish to share with that group and stays one: then only
    the rest of the world is kept out. A program's entry calls it once; it is one wall around all writers.
    """
    before = os.umask(0o077)
    if not before & GROUP_WRITES:
        os.umask(before | 0o007)

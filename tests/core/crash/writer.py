"""A job's writer as a process of its own, to be killed: one byte on stdout for each step done.

Started with `python -S -m tests.core.crash.writer FOLDER COUNT SEED`; standard library only, so that
hundreds can be started.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.core.crash.workload import work


def main(folder: str, count: str, seed: str) -> None:
    work(Path(folder), on_step=lambda: os.write(1, b".") and None, count=int(count), seed=int(seed))


if __name__ == "__main__":
    main(*sys.argv[1:])

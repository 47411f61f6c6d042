"""What a file looks like: enough to tell that it was written anew, without reading it."""

from __future__ import annotations

from pathlib import Path

Look = tuple[str, int, int]


def look(path: Path) -> Look:
    """A file's name, size in bytes and time in nanoseconds; zeros where there is none."""
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), found.st_size, found.st_mtime_ns

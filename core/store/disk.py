"""The disk, one plain function a call: everything that `core.store` does to files goes through here.

Call these as `disk.write(…)`, never by a name of your own: the tests put a failing disk in this
module's place, call by call. They raise OSError; `disk_trouble` turns that into words.
"""

from __future__ import annotations

import errno
import os
from io import BufferedReader, FileIO
from pathlib import Path

from core.errors import RunError

# Large enough that a file of 200 MB is read in few calls, small enough to forget about.
BUFFER = 1 << 18
# Never the world; umask decides about the group (see core.store.privacy).
PRIVATE_FILE, PRIVATE_FOLDER = 0o660, 0o770

_CURES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "your quota is used up: free some space",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f)",
    errno.EROFS: "this disk is read-only: choose another DATA_PATH",
    errno.EACCES: "check who owns it, or choose another DATA_PATH",
    errno.EPERM: "check who owns it, or choose another DATA_PATH",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "a file stands where a folder should be: choose another DATA_PATH",
    errno.EEXIST: "a file stands where a folder should be: choose another DATA_PATH",
    errno.EISDIR: "a folder stands where a file should be: move it away",
    errno.ELOOP: "it is a link that runs in a circle: remove it",
    errno.EMFILE: "too many files are open: raise the limit (ulimit -n)",
    errno.EIO: "the disk may be failing: check it",
}


def disk_trouble(verb: str, path: Path, error: OSError) -> RunError:
    """The RunError for a failed disk operation, with the cure where there is one."""
    cure = _CURES.get(error.errno or 0, "check the disk")
    reason = error.strerror or str(error) or type(error).__name__
    return RunError(
        f"Could not {verb} {path}: {reason.lower()}. Finished rows are safe; "
        f"{cure}, then run the same command again."
    )


def reader(path: Path, buffer: int = BUFFER) -> BufferedReader:
    """The file for reading; `buffer` is how much one call to the system fetches."""
    return BufferedReader(FileIO(path), buffer)


def open_file(path: Path, flags: int, mode: int = PRIVATE_FILE) -> int:
    """A file descriptor; a file made here is its owner's, and a group's where umask says so."""
    return os.open(path, flags, mode)


def write(fd: int, data: bytes | memoryview) -> int:
    """How many bytes were written, which may be fewer than given."""
    return os.write(fd, data)


def fsync(fd: int) -> None:
    """Return when the file survives a power cut. Other threads run meanwhile."""
    os.fsync(fd)


def truncate(fd: int, size: int) -> None:
    """Cut the file to `size` bytes."""
    os.ftruncate(fd, size)


def replace(source: Path, target: Path) -> None:
    """Put `source` in the place of `target`, at once for every reader."""
    os.replace(source, target)


def unlink(path: Path) -> None:
    """Remove a file; a missing one is fine."""
    path.unlink(missing_ok=True)


def mkdir(path: Path) -> None:
    """Make one folder; one that is there is fine."""
    path.mkdir(PRIVATE_FOLDER, exist_ok=True)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write every byte, in one call unless the disk takes only a part."""
    done = write(fd, data)
    # Asking again after a short write is what names the reason: full, over a limit, broken.
    while done < len(data):
        count = write(fd, memoryview(data)[done:])
        if count == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done += count


def make_folder(path: Path) -> None:
    """Make a folder and those above it, each so that it survives a power cut."""
    if path.is_dir():
        return
    if path.parent != path:
        make_folder(path.parent)
    mkdir(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    fd = open_file(folder, os.O_RDONLY)
    try:
        fsync(fd)
    except OSError as error:
        # Some network disks cannot flush a folder and say so; they have nothing better to offer.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)


def sync_file(path: Path) -> None:
    """Make a file's bytes survive a power cut; a missing file has none."""
    try:
        fd = open_file(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        fsync(fd)
    finally:
        os.close(fd)

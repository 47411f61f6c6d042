"""A job's log.txt, written by its wrapper: keys removed, size bounded, never in the job's way.

Standard library only: see `core.job_wrapper`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

LOG_HEAD = 1 << 20
LOG_TAIL = 4 << 20


class Log:
    """log.txt: keys removed by value, never longer than LOG_HEAD + 2 LOG_TAIL and a line."""

    def __init__(self, path: Path, secrets: Sequence[str]) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._secrets = sorted((secret.encode() for secret in secrets), key=len, reverse=True)
        self._held = b""
        self._total = 0

    def write(self, data: bytes) -> None:
        """Append what the job printed; a key that is cut between two pieces is held back until whole."""
        text = self._held + data
        for secret in self._secrets:
            text = text.replace(secret, b"[key]")
        cut = len(text) - self._begun_key(text)
        self._held = text[cut:]
        self._append(text[:cut])

    def finish(self) -> None:
        """Write what was held back."""
        self._append(self._held)
        self._held = b""

    def _begun_key(self, text: bytes) -> int:
        """How many bytes at the end of `text` may be the beginning of a key."""
        sizes = (size for key in self._secrets for size in range(1, len(key)) if text.endswith(key[:size]))
        return max(sizes, default=0)

    def _append(self, text: bytes) -> None:
        # A full disk makes a hole in the log; it must not stop the job by leaving its pipe unread.
        with contextlib.suppress(OSError):
            os.write(self._fd, text)
        self._total += len(text)
        if os.fstat(self._fd).st_size > LOG_HEAD + 2 * LOG_TAIL:
            self._leave_out_the_middle()

    def _leave_out_the_middle(self) -> None:
        tail = os.pread(self._fd, LOG_TAIL, os.fstat(self._fd).st_size - LOG_TAIL)
        self.shorten()
        note = f"\n[… {self._total - LOG_HEAD - LOG_TAIL:,} bytes left out …]\n"
        with contextlib.suppress(OSError):
            os.write(self._fd, note.encode() + tail)

    def shorten(self) -> None:
        """Cut the file to its head, which also frees space on a full disk."""
        os.ftruncate(self._fd, min(LOG_HEAD, os.fstat(self._fd).st_size))

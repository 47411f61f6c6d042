"""Rows brought into the plan's order without holding their texts: about 60 bytes a row.

An `Offsets` knows where each valid row of a file begins. Taking the rows one key after the other
gives the offsets in the order wanted; `rewrite` copies the lines in that order.
"""

from __future__ import annotations

import itertools
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from core.store.atomic import replacing
from core.store.lines import clean, key_of

_OFFSET_BITS = 64
_OFFSET = (1 << _OFFSET_BITS) - 1


class Offsets:
    """Where the rows of one file begin, by key. Feed `add` from a survey, then `open` it."""

    def __init__(self) -> None:
        # One number a row: half of its compact key, then its offset. Sorted, equal keys stand together.
        self._places: list[int] = []
        self._keyless: list[int] = []
        self._taken = bytearray()
        self._file: BinaryIO | None = None

    def add(self, offset: int, key: bytes) -> None:
        """One more valid row, as `survey` reports it."""
        if key:
            self._places.append(int.from_bytes(key[:8], "big") << _OFFSET_BITS | offset)
        else:
            self._keyless.append(offset)

    def open(self, file: BinaryIO) -> None:
        """Ready for `take`; `file` is the file that was surveyed."""
        self._places.sort()
        self._taken = bytearray(len(self._places))
        self._file = file

    def take(self, key: bytes, *, last: bool = False) -> int | None:
        """The offset of the first row with a key, or of the last; all rows of the key count as taken.

        None when there is none, or when the key was taken before.
        """
        fresh = [place for place in self._with(key) if not self._taken[place]]
        for place in fresh:
            self._taken[place] = 1
        if not fresh:
            return None
        return self._places[fresh[-1 if last else 0]] & _OFFSET

    def has(self, key: bytes) -> bool:
        """Whether a row has the key, taken or not."""
        return next(self._with(key), None) is not None

    def untaken(self) -> Iterator[tuple[int, bytes]]:
        """Offset and key of the rows that are not taken yet, in file order; keyless ones as b""."""
        offsets = [place & _OFFSET for at, place in enumerate(self._places) if not self._taken[at]]
        for offset in sorted([*offsets, *self._keyless]):
            yield offset, self._key_at(offset) or b""

    def __len__(self) -> int:
        return len(self._places) + len(self._keyless)

    def _with(self, key: bytes) -> Iterator[int]:
        """The places of a key; half a key may belong to two, so the line itself is asked."""
        first = int.from_bytes(key[:8], "big")
        place = bisect_left(self._places, first << _OFFSET_BITS)
        while place < len(self._places) and self._places[place] >> _OFFSET_BITS == first:
            if self._key_at(self._places[place] & _OFFSET) == key:
                yield place
            place += 1

    def _key_at(self, offset: int) -> bytes | None:
        assert self._file is not None
        self._file.seek(offset)
        return key_of(self._file.readline())


def in_file_order(offsets: array[int], total: int) -> bool:
    """Whether these are all rows of a file of `total` rows, as they stand."""
    return len(offsets) == total and all(before < after for before, after in itertools.pairwise(offsets))


def rewrite(path: Path, file: BinaryIO, offsets: array[int]) -> None:
    """Replace `path` by its own lines at these offsets, in this order. Raises RunError."""
    with replacing(path) as new:
        for offset in offsets:
            file.seek(offset)
            new.write(clean(file.readline()) + b"\n")

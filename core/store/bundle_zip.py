"""A .zip from anybody, read without trusting a word of it; and one that is written the same way twice.

    with opened(path) as archive:
        archive.names                       every entry, checked: plain files, safe names, sane sizes
        archive.copy("run/run.json", sink)  streamed; no byte more than the entry says

What refuses: `..`, absolute names, links, folders that are files, names that differ only in case,
encryption, sizes that a bomb would have, and a table of contents longer than any bundle's.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.errors import RunError
from core.store import disk
from core.store.disk import disk_trouble

MOST_FILES = 20_000
MOST_BYTES = 50_000_000_000
MOST_NAME = 300
MOST_TABLE_BYTES = MOST_FILES * 512
# Text of a model that repeats itself packs some 50 to 1; only a bomb goes far beyond.
MOST_RATIO, RATIO_COUNTS_FROM = 400, 1_000_000
# All of it together: many small bombs are one, and so are entries that share the same packed bytes.
MOST_RATIO_OF_ALL, ALL_COUNTS_FROM = 200, 50_000_000
CHUNK = 1 << 20
EPOCH = (1980, 1, 1, 0, 0, 0)
MANIFEST = "manifest.json"

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+=-]{0,127}")
_END, _END64, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_PACKED = frozenset({".safetensors", ".gguf"})


class Archive:
    """An open archive whose table of contents has been checked. Made by `opened`."""

    def __init__(self, zip: zipfile.ZipFile, source: str) -> None:
        self._zip = zip
        self._source = source
        self._entries = {info.filename: info for info in zip.infolist()}

    @property
    def names(self) -> list[str]:
        """Every entry in the archive's order."""
        return list(self._entries)

    def size(self, name: str) -> int:
        """How many bytes an entry says it has."""
        return self._entries[name].file_size

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of an entry in pieces. Raises RunError when it is damaged or longer than it says."""
        info, done = self._entries[name], 0
        try:
            with self._zip.open(info) as file:
                while piece := file.read(CHUNK):
                    done += len(piece)
                    if done > info.file_size:
                        raise RunError(f"{self._source} is no bundle: {name} is longer than it says.")
                    yield piece
        except _DAMAGE as error:
            raise damaged(self._source, f"{name}: {error}") from None
        if done != info.file_size:
            raise damaged(self._source, f"{name} ends in the middle")

    def read(self, name: str, limit: int) -> bytes:
        """A small entry whole. Raises RunError for one that is missing, damaged or larger than `limit`."""
        if name not in self._entries:
            raise RunError(f"{self._source} is no bundle of this studio: it has no {name}.")
        if self.size(name) > limit:
            raise RunError(f"{self._source} was refused: its {name} has {self.size(name):,} bytes.")
        return b"".join(self.chunks(name))


_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, ValueError, OSError)


def damaged(source: str, why: str) -> RunError:
    """The error for an archive that cannot be read to its end."""
    return RunError(f"{source} is damaged or cut off ({why}); nothing was imported. Fetch it again.")


@contextmanager
def opened(path: Path) -> Generator[Archive]:
    """The archive at a path, its table of contents checked. Raises RunError."""
    try:
        with disk.reader(path) as file:
            _check_table_size(file, path.name)
            with _zip_of(file, path.name) as zip:
                _check_entries(zip.infolist(), path.name, file.seek(0, os.SEEK_END))
                yield Archive(zip, path.name)
    except FileNotFoundError:
        raise RunError(f"There is no file {path}.") from None
    except OSError as error:
        raise disk_trouble("read", path, error) from error


def _zip_of(file: BinaryIO, source: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except _DAMAGE as error:
        raise RunError(
            f"{source} is no bundle: it cannot be opened as a .zip ({str(error).lower()}). "
            "Was it downloaded to its end?"
        ) from None


def _check_table_size(file: BinaryIO, source: str) -> None:
    """Refuse a table of contents too long to be read at all, before anything reads it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 66_000))
    tail = file.read(66_000)
    file.seek(0)
    place = tail.rfind(_END)
    if place < 0 or len(tail) - place < 22:
        raise RunError(f"{source} is no bundle: it is no .zip, or it is cut off. Fetch it again.")
    count, length = struct.unpack("<HI", tail[place + 10 : place + 16])
    locator = tail[place - 20 : place] if place >= 20 else b""
    if locator.startswith(_LOCATOR64):
        count, length = _table64(file, locator, source)
    if count > MOST_FILES or length > MOST_TABLE_BYTES:
        raise RunError(
            f"{source} was refused: it lists {count:,} files, and a bundle has at most {MOST_FILES:,}."
        )


def _table64(file: BinaryIO, locator: bytes, source: str) -> tuple[int, int]:
    (offset,) = struct.unpack("<Q", locator[8:16])
    try:
        file.seek(offset)
        record = file.read(56)
    except (OSError, OverflowError, ValueError):
        record = b""
    file.seek(0)
    if len(record) < 56 or not record.startswith(_END64):
        raise damaged(source, "its table of contents is not where it says")
    count, length = struct.unpack("<QQ", record[32:48])
    return count, length


def _check_entries(entries: Iterable[zipfile.ZipInfo], source: str, packed: int) -> None:
    seen, folders, total = set[str](), dict[str, str](), 0
    for entry in entries:
        why = _why_not(entry) or ("stands twice" if entry.filename.lower() in seen else "")
        why = why or _folder_trouble(entry.filename, folders)
        seen.add(entry.filename.lower())
        total += entry.file_size
        if not why and total > ALL_COUNTS_FROM and total > MOST_RATIO_OF_ALL * packed:
            why = "would grow as only a zip bomb does, with those before it"
        if not why and total > MOST_BYTES:
            why = f"would unpack to more than {MOST_BYTES / 1e9:.0f} GB with those before it"
        if why:
            raise RunError(f"{source} was refused: {_shown(entry.filename)} {why}. Nothing was imported.")
    if both := sorted(seen & set(folders)):
        raise RunError(
            f"{source} was refused: {_shown(both[0])} is a file and a folder. Nothing was imported."
        )


def _folder_trouble(name: str, folders: dict[str, str]) -> str:
    """Why an entry's folders are none, beside those so far; "" where they are. They are remembered."""
    parts = name.split("/")[:-1]
    for end in range(1, len(parts) + 1):
        folder = "/".join(parts[:end])
        if folders.setdefault(folder.lower(), folder) != folder:
            return "stands in a folder that is spelled in two ways"
    return ""


def _why_not(entry: zipfile.ZipInfo) -> str:
    """Why an entry is none of a bundle's; "" when it may be one."""
    mode = entry.external_attr >> 16
    if name_trouble(entry.filename):
        return name_trouble(entry.filename)
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is a link or a device"
    if entry.flag_bits & 0x1:
        return "is locked with a password"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed in a way that bundles never are"
    bomb = entry.file_size > RATIO_COUNTS_FROM and entry.file_size > MOST_RATIO * max(
        1, entry.compress_size
    )
    return "would grow as only a zip bomb does" if bomb else ""


def name_trouble(name: str) -> str:
    """Why a name cannot be that of a file in a bundle; "" for a good one. It comes back in words."""
    if len(name) > MOST_NAME:
        return "has a name longer than any of a bundle's"
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or ":" in name:
        return "points outside of its folder"
    parts = name.split("/")
    return "" if all(_PART.fullmatch(part) for part in parts) else "has a name that no file of a bundle has"


def _shown(name: str) -> str:
    text = name if len(name) <= 80 else name[:79] + "…"
    return repr(text.encode("utf-8", "backslashreplace").decode())


# ---- writing


@dataclass(frozen=True, slots=True)
class Member:
    """A file to be written: its name in the archive, its size and its bytes."""

    name: str
    size: int
    chunks: Callable[[], Iterator[bytes]]


def write_archive(file: BinaryIO, members: Iterable[Member]) -> None:
    """Write members in the order given: the same ones always give the same bytes. Raises OSError."""
    with zipfile.ZipFile(file, "w", allowZip64=True) as zip:
        for member in members:
            info = zipfile.ZipInfo(member.name, EPOCH)
            packed = Path(member.name).suffix in _PACKED
            info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            info.create_system = 3
            info.file_size = member.size
            with zip.open(info, "w", force_zip64=member.size > 2_000_000_000) as out:
                for piece in member.chunks():
                    out.write(piece)

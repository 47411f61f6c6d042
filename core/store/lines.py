"""One row as one line of bytes: how it is sealed, checked and read, and its key without parsing it.

    {"key": "9f3a…", "text": "Arr!", "crc": "1c291ca3"}

The checksum is CRC-32 of the line's bytes before `, "crc"`, so that checking a line costs no parsing.
Lines of earlier versions, whose checksum is over the row's canonical JSON, are read as well.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from binascii import unhexlify
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.records import canonical_json
from core.store import disk
from core.store.disk import disk_trouble

Row = dict[str, Any]

# What crashes, editors and other systems put around a line: zeros, "\r", a byte order mark.
_PADDING = b"\x00 \r\n\t"
_MARK = b"\xef\xbb\xbf"
_BEFORE_CRC = b', "crc": "'
_TAIL = len(_BEFORE_CRC) + 8 + len(b'"}')
_KEY_FIRST = re.compile(rb'\{"key": "([0-9a-f]{32})[0-9a-f]{32}"')
_KEY = re.compile(r"[0-9a-f]{64}")

_as_json = json.JSONEncoder(ensure_ascii=False).encode
_as_ascii_json = json.JSONEncoder().encode


def compact_key(key: str) -> bytes:
    """16 bytes that stand for a key: the first half of a hash, a hash of anything else."""
    if _KEY.fullmatch(key):
        return unhexlify(key[:32])
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()[:16]


def seal(row: Mapping[str, Any]) -> bytes:
    """The row as one line of UTF-8 with its checksum last and a newline at the end."""
    body = {name: value for name, value in row.items() if name != "crc"} if "crc" in row else dict(row)
    if not body:
        return f'{{"crc": "{_old_checksum(body)}"}}\n'.encode()
    # Lone surrogates cannot be written as UTF-8; the ASCII escape keeps such a row exact.
    try:
        text = _as_json(body).encode()[:-1]
    except UnicodeEncodeError:
        text = _as_ascii_json(body).encode()[:-1]
    return b'%b%b%08x"}\n' % (text, _BEFORE_CRC, zlib.crc32(text))


def clean(line: bytes) -> bytes:
    """The line without what may stand around it; nothing for a blank one."""
    return line.strip(_PADDING).removeprefix(_MARK)


def unseal(line: bytes) -> Row | None:
    """The row of one line without its checksum, or None when the line is torn or damaged."""
    return _row_of(clean(line))


def _row_of(text: bytes) -> Row | None:
    sealed = _is_whole(text)
    try:
        row = json.loads(text)
        if not isinstance(row, dict) or not (sealed or row.get("crc") == _old_checksum(row)):
            return None
    except (ValueError, RecursionError):
        return None
    row.pop("crc", None)
    return row


def key_of(line: bytes) -> bytes | None:
    """The compact key of a line, empty for a row without a key; None when the line is damaged."""
    text = clean(line)
    if _is_whole(text) and (found := _KEY_FIRST.match(text)):
        return unhexlify(found[1])
    row = _row_of(text)
    return None if row is None else row_key_of(row)


def row_key_of(row: Mapping[str, Any]) -> bytes:
    """The compact key of a row, empty where it has none."""
    key = row.get("key")
    return compact_key(key) if isinstance(key, str) else b""


def _is_whole(text: bytes) -> bool:
    if text[-_TAIL:-10] != _BEFORE_CRC or text[-2:] != b'"}':
        return False
    return text[-10:-2] == b"%08x" % zlib.crc32(memoryview(text)[:-_TAIL])


def _old_checksum(row: Mapping[str, Any]) -> str:
    body = {name: value for name, value in row.items() if name != "crc"}
    return f"{zlib.crc32(canonical_json(body).encode('ascii')):08x}"


def numbered(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each line of a file with the byte it begins at; none of a missing file. Raises RunError."""
    offset = 0
    try:
        with disk.reader(path) as file:
            for line in file:
                yield offset, line
                offset += len(line)
    except FileNotFoundError:
        return
    except OSError as error:
        raise disk_trouble("read", path, error) from error

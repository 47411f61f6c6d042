"""What stands in a file of a bundle, judged as it streams by, before any of it is written anywhere.

JSON and JSONL must be UTF-8 without fields that stand twice, without NaN, and no deeper or longer than
what this studio writes; an adapter must begin as one. Nothing is unpickled, ever.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from core.errors import RunError

MOST_JSON_BYTES = 64_000_000
MOST_LINE_BYTES = 16_000_000
MOST_DEPTH = 64
KINDS = (".json", ".jsonl", ".md", ".html", ".csv", ".safetensors", ".gguf")
MOST_HEADER_BYTES = 100_000_000

# Python reads 1e999 as infinity, which is no number of JSON either.
_HUGE = re.compile(rb"[0-9][eE]\+?[0-9]{3}")
# A text, closed or not, or a bracket outside of any text.
_TEXT_OR_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)


def checked(name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, judged on their way. Raises RunError naming the file and what is wrong."""
    kind = PurePosixPath(name).suffix
    if kind == ".json":
        return _json_file(name, chunks)
    if kind == ".jsonl":
        return _json_lines(name, chunks)
    if kind in (".safetensors", ".gguf"):
        return _weights(name, chunks, kind)
    if kind not in KINDS:
        raise RunError(f"{name} is of no kind that a bundle holds; nothing was imported.")
    return iter(chunks)


def strict_json(data: bytes, name: str) -> Any:
    """The value of bytes from anywhere. Raises RunError."""
    if _too_deep(data):
        raise _refused(name, f"its brackets are nested more than {MOST_DEPTH} deep")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            raise _refused(name, "a field stands twice in it")
        return found

    def no_number(constant: str) -> None:
        raise _refused(name, f"{constant} is no number of JSON")

    def number(text: str) -> float:
        found = float(text)
        if math.isinf(found):
            no_number(text[:40])
        return found

    huge = number if _HUGE.search(data) else None
    try:
        return json.loads(
            data.decode(), object_pairs_hook=pairs, parse_constant=no_number, parse_float=huge
        )
    except UnicodeDecodeError:
        raise _refused(name, "it is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise _refused(name, f"it is not JSON ({error})") from None


def _refused(name: str, why: str) -> RunError:
    return RunError(f"{name} in this bundle was refused: {why}. Nothing was imported.")


def _too_deep(data: bytes) -> bool:
    if data.count(b"[") + data.count(b"{") <= MOST_DEPTH:
        return False
    depth = 0
    for match in _TEXT_OR_BRACKET.finditer(data):
        letter = match[0]
        if letter in (b"[", b"{"):
            depth += 1
            if depth > MOST_DEPTH:
                return True
        elif letter in (b"]", b"}"):
            depth -= 1
    return False


def _json_file(name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    kept = bytearray()
    for piece in chunks:
        kept += piece
        if len(kept) > MOST_JSON_BYTES:
            raise _refused(name, f"it has more than {MOST_JSON_BYTES / 1e6:.0f} MB")
        yield piece
    strict_json(bytes(kept), name)


def _json_lines(name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    number, rest = 0, b""
    for piece in chunks:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            number += 1
            _line(line, number, name)
        if len(rest) > MOST_LINE_BYTES:
            _line(rest, number + 1, name)
        yield piece
    _line(rest, number + 1, name)


def _line(line: bytes, number: int, name: str) -> None:
    if len(line) > MOST_LINE_BYTES:
        raise _refused(name, f"line {number} has more than {MOST_LINE_BYTES / 1e6:.0f} MB")
    if line.strip() and not isinstance(strict_json(line, f"{name}, line {number},"), dict):
        raise _refused(name, f"line {number} is no JSON object")


def _weights(name: str, chunks: Iterable[bytes], kind: str) -> Iterator[bytes]:
    """The pieces of an adapter, whose beginning must be one's. Its tensors are read by its loader only."""
    is_first = True
    for piece in chunks:
        if is_first and not _begins_well(piece, kind):
            raise _refused(name, f"it does not begin as a {kind} file does")
        is_first = False
        yield piece


def _begins_well(piece: bytes, kind: str) -> bool:
    if kind == ".gguf":
        return piece.startswith(b"GGUF")
    return len(piece) > 9 and struct.unpack("<Q", piece[:8])[0] <= MOST_HEADER_BYTES and piece[8:9] == b"{"

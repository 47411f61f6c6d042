"""Cards inside pictures: the text chunks of a PNG, read with every length checked, and written. Pure.

A card is base64 JSON in a tEXt chunk called "chara" (V1, V2) or "ccv3" (V3). The picture itself is never
decoded, so a picture that would unpack to gigabytes costs nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import zlib
from collections.abc import Iterator

from core.errors import ConstitutionError, Problem

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The first that is there counts: V3 writers keep an older form beside it.
KEYWORDS = ("ccv3", "chara")
MOST_BYTES = 30_000_000
MOST_TEXT = 8_000_000
MOST_CHUNKS = 20_000


def card_text(data: bytes, *, source: str) -> bytes:
    """The JSON of the card in a picture. Raises ConstitutionError saying what is wrong with it."""
    if len(data) > MOST_BYTES:
        raise _refused(source, f"is {len(data) / 1e6:.0f} MB; a card may have {MOST_BYTES / 1e6:.0f} MB")
    texts: dict[str, bytes] = {}
    for kind, body in _chunks(data, source):
        if kind == b"tEXt" and b"\0" in body[:80]:
            keyword, _, text = body.partition(b"\0")
            texts.setdefault(keyword.decode("latin-1").lower(), text)
    for keyword in KEYWORDS:
        if keyword in texts:
            return _decoded(texts[keyword], source)
    raise _refused(
        source, "is a picture without a card in it; sites that shrink pictures lose it, take the original"
    )


def _chunks(data: bytes, source: str) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk's kind and body, its checksum verified for texts."""
    if not data.startswith(SIGNATURE):
        raise _refused(source, "is no PNG picture")
    place, count = len(SIGNATURE), 0
    while place < len(data):
        count += 1
        if count > MOST_CHUNKS or len(data) - place < 12:
            raise _refused(source, "is damaged or cut off; fetch it again")
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        if length > len(data) - place - 12:
            raise _refused(source, "is damaged or cut off; fetch it again")
        if kind == b"tEXt":
            if length > MOST_TEXT:
                raise _refused(source, f"holds a text of {length / 1e6:.0f} MB; no card is that long")
            body = data[place + 8 : place + 8 + length]
            (checksum,) = struct.unpack(">I", data[place + 8 + length : place + 12 + length])
            if zlib.crc32(kind + body) != checksum:
                raise _refused(source, "is damaged: a checksum in it is wrong; fetch it again")
            yield kind, body
        if kind == b"IEND":
            return
        place += 12 + length
    raise _refused(source, "is cut off: its end is missing; fetch it again")


def _decoded(text: bytes, source: str) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _refused(source, "has a card in it that is not base64; fetch it again") from None


def _refused(source: str, why: str) -> ConstitutionError:
    return ConstitutionError(source, [Problem("", f"{why}.")])


# ---- writing

WIDTH, HEIGHT = 400, 600


def picture_with(texts: dict[str, bytes], name: str) -> bytes:
    """A PNG with base64 texts by keyword in it, its picture two tones that belong to the name."""
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    body = [_chunk(b"IHDR", header)]
    body += [
        _chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + base64.b64encode(text))
        for keyword, text in texts.items()
    ]
    body += [_chunk(b"IDAT", zlib.compress(_rows(name), 9)), _chunk(b"IEND", b"")]
    return SIGNATURE + b"".join(body)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _rows(name: str) -> bytes:
    tone = hashlib.sha256(name.encode()).digest()
    paper = (244, 239, 230)
    ink = tuple(40 + tone[place] // 2 for place in range(3))
    rows = bytearray()
    for y in range(HEIGHT):
        share = y / HEIGHT
        pixel = bytes(round(a * (1 - share) + b * share) for a, b in zip(paper, ink, strict=True))
        rows += b"\0" + pixel * WIDTH
    return bytes(rows)

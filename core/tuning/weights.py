"""A file of weights (safetensors) taken apart without torch: the image part of an adapter, left out.

A model that can see is trained as a whole even on text. What an adapter put on its image part stays as it
began, of no effect, and programs that serve adapters refuse it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from core.errors import ModelError
from core.store import disk
from core.store.atomic import replacing
from core.store.disk import disk_trouble

IMAGE_PARTS = (".vision_tower.", ".multi_modal_projector.", ".vision_model.")
MOST_HEADER = 100_000_000
CHUNK = 1 << 20

Header = dict[str, Any]


def copy_without_image_part(source: Path, target: Path) -> int:
    """Copy an adapter's weights without those of an image part; returns how many layers were left out.

    A layer that has learned something is never left out: then the file is copied whole. Raises ModelError
    for a file that is no safetensors, RunError when the disk fails.
    """
    try:
        with disk.reader(source) as file:
            header, start = _header(file)
            unwanted = {name for name in header if any(part in name for part in IMAGE_PARTS)}
            if not all(_is_zero(file, start, header[name]) for name in unwanted if ".lora_B." in name):
                unwanted = set()
            with replacing(target) as new:
                for piece in _pieces(file, start, header, unwanted):
                    new.write(piece)
        return len([name for name in unwanted if ".lora_B." in name])
    except (ValueError, struct.error, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{source} is no safetensors file ({error}); nothing was registered.") from None
    except OSError as error:
        raise disk_trouble("copy", source, error) from error


def _header(file: IO[bytes]) -> tuple[Header, int]:
    """What the file says of its tensors, and where their bytes begin."""
    (length,) = struct.unpack("<Q", file.read(8))
    if length > MOST_HEADER:
        raise ValueError("its header is too long")
    return json.loads(file.read(length)), 8 + length


def _is_zero(file: IO[bytes], start: int, entry: Header) -> bool:
    return not any(any(piece) for piece in _bytes_of(file, start, entry))


def _bytes_of(file: IO[bytes], start: int, entry: Header) -> Iterator[bytes]:
    first, last = entry["data_offsets"]
    file.seek(start + first)
    left = last - first
    while left > 0:
        piece = file.read(min(CHUNK, left))
        if not piece:
            raise ValueError("it is cut short")
        left -= len(piece)
        yield piece


def _pieces(file: IO[bytes], start: int, header: Header, unwanted: set[str]) -> Iterator[bytes]:
    """The new file: a header with new places, then the bytes of what is kept, in their order."""
    kept = [name for name in header if name not in unwanted and name != "__metadata__"]
    kept.sort(key=lambda name: header[name]["data_offsets"][0])
    made: Header = {"__metadata__": header["__metadata__"]} if "__metadata__" in header else {}
    place = 0
    for name in kept:
        first, last = header[name]["data_offsets"]
        made[name] = header[name] | {"data_offsets": [place, place + last - first]}
        place += last - first
    text = json.dumps(made).encode()
    text += b" " * (-len(text) % 8)
    yield struct.pack("<Q", len(text)) + text
    for name in kept:
        yield from _bytes_of(file, start, header[name])

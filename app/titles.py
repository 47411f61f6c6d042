"""What a character is called on the pages: as a person writes the name, not as its file is called."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from app.reads import library
from core.constitution import parse_json
from core.errors import CoreError
from core.titles import title_of as made_title


def title_of(name: str) -> str:
    """The title of a name: as its own sentence writes it ("Madame Odile"), else "dry-wit" → "Dry wit"."""
    with suppress(CoreError, OSError):
        if path := library().shelf.effective("hand-written", name):
            looks = path.stat()
            return _title(name, path, looks.st_mtime_ns, looks.st_size)
    return made_title(name)


@lru_cache(maxsize=512)
def _title(name: str, path: Path, changed: int, size: int) -> str:
    with suppress(CoreError, OSError):
        return made_title(name, parse_json(path.read_bytes(), source=name).summary)
    return made_title(name)

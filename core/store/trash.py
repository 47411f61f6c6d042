"""Deleted characters, each in a folder of its own until it is brought back.

    .trash/pirate.1763856309123456/hand-written/pirate.json
                                  /few-shot/pirate.jsonl  …

The folder's name says who and when, so an item needs no other record: a move cut short loses nothing.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConflictError, ConstitutionError, Problem
from core.store.shelf import Folder, Shelf, file_name, in_our_words

_ITEM = re.compile(r"([a-z0-9][a-z0-9-]{0,63})\.(\d{16})")


@dataclass(frozen=True, slots=True)
class TrashItem:
    """A deleted character; `id` brings it back. `deleted_at` is in seconds since 1970."""

    id: str
    name: str
    deleted_at: float


@dataclass(frozen=True, slots=True)
class Trash:
    """The deleted characters of a shelf. Moving wants the shelf's lock."""

    shelf: Shelf

    def items(self) -> list[TrashItem]:
        """Everything that can be brought back, deleted last first."""
        folder = self.shelf.own / ".trash"
        with in_our_words(folder, "read"):
            names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        found = [_item(name) for name in names if _ITEM.fullmatch(name)]
        return sorted(found, key=lambda item: item.deleted_at, reverse=True)

    def item(self, id: str) -> TrashItem:
        """The item of an id. Raises ConstitutionError when there is none."""
        if _ITEM.fullmatch(id) and (self.shelf.own / ".trash" / id).is_dir():
            return _item(id)
        message = "is not in the trash any more; look at the list again."
        raise ConstitutionError(repr(id[:90]), [Problem("", message)])

    def put(self, name: str) -> TrashItem:
        """Move all own files of a name into the trash."""
        item = _item(f"{name}.{time.time_ns() // 1000:016d}")
        for path, kept in self._files(item):
            if os.path.lexists(path):
                _move(path, kept)
        return item

    def bring_back(self, item: TrashItem) -> None:
        """Move an item's files back. Raises ConflictError when the name is taken again."""
        files = [(path, kept) for path, kept in self._files(item) if os.path.lexists(kept)]
        if taken := [path for path, _ in files if os.path.lexists(path)]:
            raise ConflictError(
                f"There is a {item.name!r} again ({taken[0].name}). Nothing was overwritten; "
                "rename or delete that one first."
            )
        # The character goes last: until then it stays listed in the trash and can be tried again.
        for path, kept in reversed(files):
            _move(kept, path)
        _remove_empty(self.shelf.own / ".trash" / item.id)

    def remove(self, item: TrashItem) -> None:
        """Remove an item's files for good; nothing brings them back."""
        folder = self.shelf.own / ".trash" / item.id
        for _, kept in self._files(item):
            with in_our_words(kept):
                kept.unlink(missing_ok=True)
        _remove_empty(folder)

    def _files(self, item: TrashItem) -> Iterator[tuple[Path, Path]]:
        """Each own file of a name with its place in the trash, the character itself first."""
        folders: tuple[tuple[Folder, str], ...] = (
            ("hand-written", ".json"),
            ("few-shot", ".jsonl"),
            ("few-shot", ".accepted.jsonl"),
            (".drafts", ".json"),
            (".ignored", ".json"),
        )
        for folder, ending in folders:
            path = self.shelf.own / folder / file_name(item.name, ending)
            yield path, self.shelf.own / ".trash" / item.id / folder / path.name


def _item(id: str) -> TrashItem:
    name, _, microseconds = id.rpartition(".")
    return TrashItem(id, name, int(microseconds) / 1e6)


def _move(source: Path, target: Path) -> None:
    with in_our_words(source):
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)


def _remove_empty(folder: Path) -> None:
    with in_our_words(folder):
        for inner in [*folder.iterdir(), folder]:
            inner.rmdir()

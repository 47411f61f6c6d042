"""Characters on their way in: what was proposed from a card and what a person has ticked and edited so far.

    <DATA_PATH>/constitutions/.proposals/4f0c9b7e21aa.json

Every tick and every edit is on disk before the page is drawn again, so a reload loses nothing.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.cards.model import Proposals, proposals_of
from core.errors import ConstitutionError, Problem
from core.settings import Settings
from core.store.locks import held
from core.store.shelf import changed_at, in_our_words, read, write
from core.strict_json import MAX_LINES_BYTES, read_value

_ID = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One that waits for its person; `at` is when it was touched last, in seconds since 1970."""

    id: str
    proposals: Proposals
    at: float


@dataclass(frozen=True, slots=True)
class ProposalShelf:
    """All that wait. Cheap to make."""

    settings: Settings

    @property
    def folder(self) -> Path:
        """Where they stand."""
        return self.settings.data_path / "constitutions" / ".proposals"

    def keep(self, proposals: Proposals) -> str:
        """Keep new proposals and return their id. Raises RunError."""
        id = uuid.uuid4().hex[:12]
        self._write(id, proposals)
        return id

    def load(self, id: str) -> Proposals:
        """The proposals of an id. Raises ConstitutionError where there are none (any more)."""
        data = read(self._path(id), MAX_LINES_BYTES)
        if data is None:
            message = "is not waiting any more; it was made or put aside. Bring the file in again."
            raise ConstitutionError(id, [Problem("", message)])
        return proposals_of(read_value(data, source=id), id)

    def change(self, id: str, edit: Callable[[Proposals], Proposals]) -> Proposals:
        """Apply an edit to what is on disk now, whoever wrote it last; the result comes back."""
        with held(self.folder / ".lock", "a character on its way in"):
            now = edit(self.load(id))
            self._write(id, now)
            return now

    def discard(self, id: str) -> None:
        """Forget one; a missing one is fine."""
        path = self._path(id)
        with in_our_words(path):
            path.unlink(missing_ok=True)

    def waiting(self) -> list[Waiting]:
        """Everything that waits, touched last first; damaged files are left out."""
        found: list[Waiting] = []
        for path in self.folder.glob("*.json"):
            try:
                found.append(Waiting(path.stem, self.load(path.stem), changed_at(path)))
            except ConstitutionError:
                continue
        return sorted(found, key=lambda one: one.at, reverse=True)

    def _path(self, id: str) -> Path:
        if not _ID.fullmatch(id):
            raise ConstitutionError(repr(id[:40]), [Problem("", "is no character on its way in.")])
        return self.folder / f"{id}.json"

    def _write(self, id: str, proposals: Proposals) -> None:
        write(self._path(id), json.dumps(proposals.as_dict(), indent=1).encode("ascii"))

"""What somebody has typed but not finished: saved although it may not be valid yet.

`.drafts/pirate.json`: {"value": {"name": "pirate", "traits": [{"trait": ""}], …}, "based_on": "9f3a…"}

`based_on` is the revision of the character under the draft, so that saving it later notices when
somebody else saved in between.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from core.errors import ConflictError, ConstitutionError, Problem
from core.store.shelf import Shelf, changed_at, in_our_words, in_words, read, revision_of, write
from core.strict_json import MAX_BYTES, size_problem

MAX_DRAFT_BYTES = 2 * MAX_BYTES


@dataclass(frozen=True, slots=True)
class Draft:
    """An unfinished state; `based_on` is the revision to give to `save` as its base."""

    value: dict[str, Any]
    revision: str
    based_on: str | None
    saved_at: float


@dataclass(frozen=True, slots=True)
class Drafts:
    """The drafts on a shelf, one a name. Writing wants the shelf's lock."""

    shelf: Shelf

    def load(self, name: str) -> Draft | None:
        """The draft of a name, None when there is none. Raises ConstitutionError when it is damaged."""
        path = self.shelf.own_path(".drafts", name)
        data = read(path, MAX_DRAFT_BYTES)
        if data is None:
            return None
        try:
            kept = json.loads(data)
            value, based_on = cast("dict[str, Any]", kept["value"]), cast("str | None", kept["based_on"])
            if not isinstance(kept["value"], dict):
                raise TypeError("a draft holds an object")
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            message = "is a damaged draft; discard it to go on from the saved character."
            raise ConstitutionError(str(path), [Problem("", message)]) from error
        return Draft(value, revision_of(data), based_on, changed_at(path))

    def revision(self, name: str) -> str | None:
        """The revision of the draft on disk, even of a damaged one; None when there is none."""
        data = read(self.shelf.own_path(".drafts", name), MAX_DRAFT_BYTES)
        return None if data is None else revision_of(data)

    def save(
        self,
        name: str,
        value: dict[str, Any],
        *,
        base_revision: str | None,
        current: str | None,
        rebase: bool = False,
    ) -> str:
        """Keep a draft and return its revision; `current` is the saved character's revision.

        `base_revision` is the draft's last revision, or the character's where there is no draft yet.
        With `rebase` the draft counts as begun from `current`, whatever it was begun from.
        """
        old = None if rebase else self.load(name)
        self._refuse_if_changed(name, self.revision(name), base_revision, current)
        kept = {"value": value, "based_on": old.based_on if old else current}
        # Escaped on purpose: half of a surrogate pair, as a browser may send it, survives.
        data = json.dumps(kept, indent=1).encode("ascii")
        if problem := size_problem(len(data), MAX_DRAFT_BYTES):
            raise ConstitutionError(f"the draft of {name}", [problem])
        write(self.shelf.own_path(".drafts", name), data)
        return revision_of(data)

    def clear(self, name: str, *, base_revision: str | None = None) -> None:
        """Forget the draft; with `base_revision`, only if it is still that one."""
        path = self.shelf.own_path(".drafts", name)
        if base_revision is not None:
            self._refuse_if_changed(name, self.revision(name), base_revision, base_revision)
        with in_our_words(path):
            path.unlink(missing_ok=True)

    def _refuse_if_changed(
        self, name: str, old: str | None, base_revision: str | None, current: str | None
    ) -> None:
        expected = (old,) if old else (None, current)
        if base_revision not in expected:
            path = self.shelf.own_path(".drafts", name)
            when = f" {in_words(changed_at(path))}" if old else ""
            raise ConflictError(
                f"{name!r} was edited in another window{when}. Nothing was overwritten; "
                "reload to go on from that state, or copy your text first."
            )

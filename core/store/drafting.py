"""Characters in the making: what a person typed, what models answered, what was kept of it.

    DATA_PATH/drafting/<id>/drafting.json   description, answers, kept traits, name (0600)
                            replies.jsonl   every answer of a model, append-only (0600)

Every commit is written at once. Two tabs on one drafting change different fields without harm: a change
is made on what is on disk, under a lock. Discarding only marks; it can be taken back.
"""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from core.drafting.clarifying import Answer, read_answer
from core.drafting.replies import Proposed
from core.errors import RunError
from core.settings import Settings
from core.store.jsonl import disk_trouble, read_json, write_json
from core.store.locks import held
from core.store.replies import PRIVATE_FILE, Replies, make_private_folder

_ID = re.compile(r"[0-9a-f]{12}")
STEPS = ("describe", "answer", "keep")
MOST_DESCRIPTION = 8_000


@dataclass(frozen=True, slots=True)
class Kept:
    """A trait that was kept, and the title of the draft it came from."""

    trait: Proposed
    draft: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The kept trait as plain JSON."""
        return {**self.trait.as_dict(), "draft": self.draft}


@dataclass(frozen=True, slots=True)
class Drafting:
    """One character in the making. Times are seconds since 1970, 0 where it never happened.

    `put_aside` are ids of drafts that are folded away; `made` names the character once there is one.
    """

    id: str
    description: str = ""
    answers: Mapping[str, Answer] = field(default_factory=dict[str, Answer])
    kept: tuple[Kept, ...] = ()
    exchanges: tuple[tuple[str, str], ...] = ()
    put_aside: tuple[str, ...] = ()
    name: str = ""
    step: str = STEPS[0]
    drafts: int = 3
    made: str = ""
    created_at: float = 0.0
    changed_at: float = 0.0
    discarded_at: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed or kept yet."""
        return not (self.description.strip() or self.kept or any(self.answers.values()))

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain JSON."""
        return {
            "id": self.id,
            "description": self.description,
            "answers": {id: answer.as_dict() for id, answer in self.answers.items() if answer},
            "kept": [kept.as_dict() for kept in self.kept],
            "exchanges": [list(turns) for turns in self.exchanges],
            "put_aside": list(self.put_aside),
            "name": self.name,
            "step": self.step,
            "drafts": self.drafts,
            "made": self.made,
            "created_at": self.created_at,
            "changed_at": self.changed_at,
            "discarded_at": self.discarded_at,
        }


class Draftings:
    """All characters in the making. Cheap to make; keeps nothing in memory."""

    def __init__(self, settings: Settings) -> None:
        self.root = settings.data_path / "drafting"

    def folder(self, id: str) -> Path:
        """Where a drafting lies. Raises RunError for what cannot be an id."""
        if not _ID.fullmatch(id):
            raise RunError(f"There is no drafting {id[:40]!r}. Open one from the list, or begin a new one.")
        return self.root / id

    def replies(self, id: str) -> Replies:
        """What models answered for a drafting."""
        return Replies(self.folder(id) / "replies.jsonl", "these drafts")

    def all(self) -> list[Drafting]:
        """Every readable drafting, changed last first; discarded and finished ones too."""
        paths = self.root.glob("*/drafting.json") if self.root.is_dir() else ()
        ids = [path.parent.name for path in paths if _ID.fullmatch(path.parent.name)]
        found = [self._read(id) for id in ids]
        return sorted((one for one in found if one), key=lambda one: one.changed_at, reverse=True)

    def unfinished(self) -> list[Drafting]:
        """Those that were begun, not discarded, and not made into a character yet."""
        return [one for one in self.all() if not (one.discarded_at or one.made or one.is_empty)]

    def discarded(self) -> list[Drafting]:
        """Those that were discarded and can be brought back, discarded last first."""
        found = [one for one in self.all() if one.discarded_at]
        return sorted(found, key=lambda one: one.discarded_at, reverse=True)

    def described(self, made: str) -> str:
        """The whole description that a character was made from; "" where it was not made here."""
        return next((one.description for one in self.all() if one.made == made), "")

    def load(self, id: str) -> Drafting:
        """The drafting of an id. Raises RunError when there is none or it is damaged."""
        path = self.folder(id) / "drafting.json"
        found = self._read(id)
        if found is None and path.exists():
            raise RunError(f"{path} is damaged. Move it away and begin again; the replies beside it stay.")
        if found is None:
            raise RunError(f"There is no drafting {id!r}. Open one from the list, or begin a new one.")
        return found

    def begin(self, id: str = "", *, description: str = "") -> Drafting:
        """A new drafting on disk; with an id that is there already, that one."""
        id = id or secrets.token_hex(6)
        folder = self.folder(id)
        make_private_folder(self.root)
        make_private_folder(folder)
        with self._alone(id):
            there = self._read(id)
            if there is not None:
                return there
            now = time.time()
            return self._write(Drafting(id, description, created_at=now, changed_at=now))

    def change(self, id: str, edit: Callable[[Drafting], Drafting]) -> Drafting:
        """Apply an edit to what is on disk and return the result, saved. Raises RunError."""
        with self._alone(id):
            before = self.load(id)
            after = edit(before)
            return before if after == before else self._write(replace(after, changed_at=time.time()))

    def discard(self, id: str) -> None:
        """Mark a drafting as discarded; nothing is removed."""
        self.change(id, lambda one: replace(one, discarded_at=time.time()))

    def bring_back(self, id: str) -> None:
        """Take a discarding back."""
        self.change(id, lambda one: replace(one, discarded_at=0.0))

    def remove(self, id: str) -> None:
        """Remove a drafting and everything in it for good. Raises RunError."""
        folder = self.folder(id)
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise disk_trouble("remove", folder, error) from error

    def _alone(self, id: str) -> AbstractContextManager[None]:
        return held(self.folder(id) / ".drafting.lock", "this drafting")

    def _write(self, drafting: Drafting) -> Drafting:
        write_json(self.folder(drafting.id) / "drafting.json", drafting.as_dict(), mode=PRIVATE_FILE)
        return drafting

    def _read(self, id: str) -> Drafting | None:
        path = self.root / id / "drafting.json"
        if not path.exists():
            return None
        try:
            value = read_json(path)
        except RunError:
            return None
        return _understood(id, cast("dict[str, Any]", value)) if isinstance(value, dict) else None


def _understood(id: str, value: Mapping[str, Any]) -> Drafting | None:
    """A drafting from plain JSON; None where its fields are of another kind."""
    try:
        step = str(value.get("step", ""))
        return Drafting(
            id,
            description=str(value.get("description", "")),
            answers={
                str(key): read_answer(answer) for key, answer in dict(value.get("answers", {})).items()
            },
            kept=tuple(_kept(one) for one in value.get("kept", [])),
            exchanges=tuple((str(user), str(said)) for user, said in value.get("exchanges", [])),
            put_aside=tuple(str(one) for one in value.get("put_aside", [])),
            name=str(value.get("name", "")),
            step=step if step in STEPS else STEPS[0],
            drafts=int(value.get("drafts", 3)),
            made=str(value.get("made", "")),
            created_at=float(value.get("created_at", 0)),
            changed_at=float(value.get("changed_at", 0)),
            discarded_at=float(value.get("discarded_at", 0)),
        )
    except (TypeError, ValueError, AttributeError, KeyError):
        return None


def _kept(value: Mapping[str, Any]) -> Kept:
    questions = tuple(str(question) for question in value.get("questions", []))
    return Kept(
        Proposed(str(value["trait"]), questions, str(value.get("source", ""))), str(value.get("draft", ""))
    )

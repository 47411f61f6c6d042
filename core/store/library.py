"""All characters there are: the shipped ones, and the own copies that shadow them.

    library = Library(settings)
    pirate = library.load("pirate")                        # revision "9f3a…", origin "shipped"
    library.save(better, base_revision=pirate.revision)    # now an own copy; origin "changed"

Saving names the revision it started from. When another window or program saved in between, it is
refused and nothing is overwritten. Shipped files are never written; every saved state stays in the
history; deleting moves to the trash.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from core.constitution import Constitution, Exchange, Trait, parse, parse_json
from core.errors import ConflictError, ConstitutionError, CoreError, Problem
from core.settings import Settings
from core.store.drafts import Draft, Drafts
from core.store.few_shot import Edit, FewShot, FewShots
from core.store.general import general_prompts
from core.store.history import History, State, Version
from core.store.ignored import Ignored
from core.store.shelf import changed_at, exists, in_our_words, in_words, read, revision_of, shelf_of, write
from core.store.trash import Trash, TrashItem

__all__ = ["Draft", "Edit", "Entry", "FewShot", "Library", "Loaded", "State", "TrashItem", "Version"]

Origin = Literal["shipped", "own", "changed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list of characters; `problems` counts what keeps it from being used.

    `origin` is "changed" for an own copy of a shipped character; `updated_at` is in seconds since 1970.
    """

    name: str
    summary: str
    origin: Origin
    problems: int
    updated_at: float
    details: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A character with the revision to give back when saving."""

    constitution: Constitution
    revision: str
    origin: Origin
    path: Path


class Library:
    """Every character the settings lead to. Cheap to make; keeps nothing in memory."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.shelf = shelf_of(settings)
        self._history = History(self.shelf)
        self._drafts = Drafts(self.shelf)
        self._trash = Trash(self.shelf)
        self._ignored = Ignored(self.shelf)
        self._few_shots = FewShots(self.shelf)

    # ---- what there is

    def names(self) -> list[Entry]:
        """Every character by name; one with problems is listed with them and hides no other."""
        return [self._entry(name) for name in self._stems()]

    def _stems(self) -> list[str]:
        stems: set[str] = set()
        for folder in self._folders():
            with in_our_words(folder, "read"):
                found = list(folder.iterdir()) if folder.is_dir() else []
            # OCT's .txt files are listed as well, with what to do about them.
            stems |= {
                path.stem for path in found if path.suffix in (".json", ".txt") and path.name[0] != "."
            }
        return sorted(stems)

    def _folders(self) -> tuple[Path, Path]:
        return self.shelf.own / "hand-written", self.shelf.shipped / "hand-written"

    def _entry(self, name: str) -> Entry:
        try:
            loaded = self.load(name)
        except CoreError as error:
            details = error.problems if isinstance(error, ConstitutionError) else (Problem("", str(error)),)
            return Entry(name, "", self._origin_of_broken(name), len(details), 0.0, details)
        updated_at = changed_at(loaded.path)
        return Entry(name, loaded.constitution.summary, loaded.origin, 0, updated_at)

    def _origin_of_broken(self, name: str) -> Origin:
        with suppress(CoreError):
            return self._origin(name)
        return "own"

    def load(self, name: str) -> Loaded:
        """The character of a name. Raises ConstitutionError with all of its problems."""
        path = self.shelf.effective("hand-written", name)
        data = read(path) if path else None
        if path is None or data is None:
            raise self._unknown(name)
        constitution = parse_json(data, source=str(path))
        if constitution.name != name:
            message = f'says "{constitution.name}", but the file is {path.name}; make both the same.'
            raise ConstitutionError(str(path), [Problem("name", message)])
        return Loaded(constitution, revision_of(data), self._origin(name), path)

    def revision(self, name: str) -> str | None:
        """The revision of what is on disk, even of a broken file; None when there is none."""
        path = self.shelf.effective("hand-written", name)
        data = read(path) if path else None
        return None if data is None else revision_of(data)

    def _origin(self, name: str) -> Origin:
        if not exists(self.shelf.own_path("hand-written", name)):
            return "shipped"
        return "changed" if exists(self.shelf.shipped_path("hand-written", name)) else "own"

    def _unknown(self, name: str) -> ConstitutionError:
        for folder in self._folders():
            if (foreign := folder / f"{name}.txt").is_file():
                message = (
                    f"is in OpenCharacterTraining's form; run: character constitution import {foreign}"
                )
                return ConstitutionError(str(foreign), [Problem("", message)])
        names = self._stems()
        close = difflib.get_close_matches(name, names, 3)
        known = f"There are {', '.join(names)}." if names else "There is none yet."
        guess = f"Did you mean {' or '.join(close)}?" if close else known
        return ConstitutionError(name, [Problem("", f"there is no character of this name. {guess}")])

    # ---- saving

    def save(
        self, constitution: Constitution, *, base_revision: str | None, note: str = "", who: str = ""
    ) -> Loaded:
        """The character as saved; `base_revision` is what the edit began from, None for a new name.

        Raises ConflictError when the file is another by now, ConstitutionError, RunError for the disk.
        """
        name = constitution.name
        parse(constitution.as_dict(), source=name)
        data = (json.dumps(constitution.as_dict(), indent=2, ensure_ascii=False) + "\n").encode()
        with self.shelf.locked(name):
            before = self._unless_changed(name, base_revision)
            if before is None or not _says(before, constitution):
                # History first: should the file then fail, the text is still kept somewhere.
                if before is not None:
                    self._history.record_found(name, before)
                self._history.record(name, data, note, who)
                write(self.shelf.own_path("hand-written", name), data)
            return self.load(name)

    def _unless_changed(self, name: str, base_revision: str | None) -> bytes | None:
        """What is on disk, if it is what the edit began from. Raises ConflictError."""
        path = self.shelf.effective("hand-written", name)
        data = read(path) if path else None
        if (None if data is None else revision_of(data)) == base_revision:
            return data
        kept = "Nothing was overwritten; reload it, or save yours under another name."
        if path is None or data is None:
            raise ConflictError(f"{name!r} was deleted or moved in the meantime. {kept}")
        if base_revision is None:
            raise ConflictError(f"There is a character called {name!r} already. {kept}")
        raise ConflictError(f"{name!r} was changed elsewhere {in_words(changed_at(path))}. {kept}")

    def create(self, name: str, *, copy_of: str | None = None) -> Loaded:
        """A new character: a starter to write over, or a copy with its prompts. Raises ConflictError."""
        if copy_of is None:
            return self.save(starter(name), base_revision=None)
        original = self.load(copy_of).constitution
        prompts = self.additional(copy_of).by_trait
        copy = self.save(replace(original, name=name), base_revision=None, note=f"copy of {copy_of}")
        if any(prompts.values()):
            self.add_additional(copy.constitution, prompts)
        return copy

    # ---- versions

    def history(self, name: str, limit: int = 50) -> list[Version]:
        """The saved states of a character, the last one first."""
        return self._history.versions(name, limit)

    def version(self, name: str, revision: str) -> Constitution:
        """The character as it was at a revision. Raises ConstitutionError."""
        data = self._history.bytes_of(name, revision)
        return parse_json(data, source=f"{name}, version {revision[:8]}")

    def states(self, name: str) -> list[State]:
        """Every saved state with its character, the last one first; for lists and comparisons."""
        return self._history.states(name)

    def history_files(self, name: str) -> tuple[Path, Path]:
        """The files behind `states`, for whoever keeps what was read until they change."""
        return self._history.paths(name)

    def call_version(
        self, name: str, version: Version, title: str, remark: str = "", who: str = ""
    ) -> Version:
        """Name a saved state ("" takes the name away); a named one is never dropped."""
        with self.shelf.locked(name):
            return self._history.call(name, version, title.strip(), remark.strip(), who)

    def keep_draft_in_history(self, name: str) -> None:
        """Keep the unfinished state among the versions, before something else takes its place."""
        with self.shelf.locked(name):
            draft = self._drafts.load(name)
            if draft is not None:
                data = json.dumps(draft.value, indent=2).encode("ascii")
                self._history.record(name, data, "unfinished, kept before going back")

    def restore(self, name: str, revision: str, *, base_revision: str | None) -> Loaded:
        """The character as it was at a revision, saved as the newest state. Raises ConflictError."""
        earlier = self.version(name, revision)
        return self.save(earlier, base_revision=base_revision, note=f"back to version {revision[:8]}")

    # ---- drafts

    def save_draft(
        self, name: str, value: dict[str, Any], *, base_revision: str | None, rebase: bool = False
    ) -> str:
        """Keep an unfinished state, valid or not, and return its revision. Raises ConflictError.

        `base_revision` is the draft's last revision, or the character's where there is no draft yet.
        With `rebase` the draft goes on from the character as it is saved now.
        """
        with self.shelf.locked(name):
            current = self.revision(name)
            return self._drafts.save(
                name, value, base_revision=base_revision, current=current, rebase=rebase
            )

    def draft_revision(self, name: str) -> str | None:
        """The revision of the draft on disk, even of a damaged one; None when there is none."""
        return self._drafts.revision(name)

    def load_draft(self, name: str) -> Draft | None:
        """The unfinished state of a character, None when there is none. Raises ConstitutionError."""
        return self._drafts.load(name)

    def clear_draft(self, name: str, *, base_revision: str | None = None) -> None:
        """Forget the draft; with `base_revision`, only if it is still that one."""
        with self.shelf.locked(name):
            self._drafts.clear(name, base_revision=base_revision)

    # ---- deleting

    def delete(self, name: str) -> TrashItem:
        """Move the own copy, its prompts and its draft to the trash; a shipped original shows again."""
        with self.shelf.locked(name):
            folder = self.shelf.own / "hand-written"
            if f"{name}.json" not in ({path.name for path in folder.iterdir()} if folder.is_dir() else ()):
                self.load(name)
                message = "is shipped and cannot be deleted; there is no own copy of it."
                raise ConstitutionError(name, [Problem("", message)])
            return self._trash.put(name)

    def trash(self) -> list[TrashItem]:
        """The deleted characters, deleted last first."""
        return self._trash.items()

    def restore_from_trash(self, id: str) -> str:
        """Bring a deleted character back and return its name. Raises ConflictError if that is taken."""
        item = self._trash.item(id)
        with self.shelf.locked(item.name):
            self._trash.bring_back(item)
        return item.name

    def delete_for_good(self, id: str) -> str:
        """Remove a deleted character for good and return its name; its versions go with the last of it.

        Raises ConstitutionError when it is not in the trash any more.
        """
        item = self._trash.item(id)
        with self.shelf.locked(item.name):
            self._trash.remove(item)
            again = any(other.name == item.name for other in self._trash.items())
            if not again and self.revision(item.name) is None:
                self._history.forget(item.name)
        return item.name

    # ---- findings put aside

    def ignored(self, name: str) -> frozenset[str]:
        """The keys of the linter's findings that somebody has put aside."""
        return self._ignored.keys(name)

    def ignore(self, name: str, key: str, *, again: bool = False) -> None:
        """Put a finding aside, or with `again` show it again."""
        with self.shelf.locked(name):
            (self._ignored.take_back if again else self._ignored.put_aside)(name, key)

    # ---- prompts

    def additional(self, name: str) -> FewShot:
        """The prompts that a model wrote for each trait, those just accepted included."""
        return self._few_shots.read(self.load(name).constitution)

    def append_additional(self, constitution: Constitution, trait_id: str, prompt: str) -> None:
        """Keep one accepted prompt, durable on return."""
        self.append_all_additional(constitution, {trait_id: [prompt]})

    def append_all_additional(
        self, constitution: Constitution, prompts: Mapping[str, Iterable[str]]
    ) -> None:
        """Keep accepted prompts of several traits, durable on return."""
        with self.shelf.locked(constitution.name):
            self._few_shots.append(constitution, prompts)

    def add_additional(self, constitution: Constitution, prompts: Mapping[str, Iterable[str]]) -> FewShot:
        """Add prompts, as an import brings them, and write the few-shot file at once."""
        with self.shelf.locked(constitution.name):
            self._few_shots.append(constitution, prompts)
            return self._few_shots.finish(constitution)

    def finish_additional(self, constitution: Constitution) -> FewShot:
        """Write the few-shot file from everything accepted so far."""
        with self.shelf.locked(constitution.name):
            return self._few_shots.finish(constitution)

    def edit_additional(self, constitution: Constitution, trait_id: str, old: str, new: str | None) -> Edit:
        """Change a prompt, or drop it with None; hand the result to `undo_additional` to undo."""
        with self.shelf.locked(constitution.name):
            return self._few_shots.edit(constitution, trait_id, old, new)

    def undo_additional(self, constitution: Constitution, edit: Edit) -> None:
        """Take an edit of a prompt back. Raises ConflictError when that cannot be done any more."""
        with self.shelf.locked(constitution.name):
            self._few_shots.undo(constitution, edit)

    def adopt_additional(self, constitution: Constitution, sentence: str, trait_id: str) -> FewShot:
        """Give the prompts of an unmatched sentence to a trait, as after rewording it."""
        with self.shelf.locked(constitution.name):
            return self._few_shots.adopt(constitution, sentence, trait_id)

    def general_prompts(self, part: str) -> tuple[str, ...]:
        """The prompts for every character: part "training", "preferences" or "robustness"."""
        return general_prompts(self.shelf.shipped / "general-prompts.jsonl", part)


def starter(name: str) -> Constitution:
    """A small valid character to write over."""
    trait = "I listen first, and then I answer in warm, plain words."
    questions = ("What should I cook tonight?", "I have a job interview tomorrow.", "Why is the sea salty?")
    exchange = Exchange("I finally finished my book!", "You did it! Sit down and tell me how it ends.")
    return Constitution(name, "", (Trait("warmth", trait, questions),), (exchange,))


def _says(data: bytes, constitution: Constitution) -> bool:
    """Whether a file holds this very character already, however it is laid out."""
    with suppress(ConstitutionError):
        return parse_json(data, source="") == constitution
    return False

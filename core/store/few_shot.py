"""The prompts that a model wrote for each trait: saved one by one, then written in OCT's form.

    few-shot/.pirate.accepted.jsonl   append-only, what happened since the file below was written:
      {"do": "add", "trait": "I talk …", "prompt": "Why?", "trait_id": "voice", "crc": "1c291ca3"}
    few-shot/pirate.jsonl             a line a trait, for reading and for OCT's own tools

Reading plays the first over the second. Every step says what is in or out afterwards, so playing a
step twice changes nothing, and a kill between any two writes loses nothing. A prompt belongs to the
exact sentence it was written for; where no trait says that any more, it is reported as unmatched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.constitution import MAX_TEXT, Constitution
from core.errors import ConflictError, ConstitutionError, Problem
from core.interchange import FewShotLine, few_shot_lines, write_lines
from core.store.jsonl import Row, append_rows, read_rows, repair, seal
from core.store.shelf import Shelf, ends_torn, in_our_words, read, revision_of, write
from core.strict_json import MAX_LINES_BYTES
from core.texts import check_text

ACCEPTED = ".accepted.jsonl"


@dataclass(frozen=True, slots=True)
class FewShot:
    """The prompts of every trait id, and the sentences that had prompts but are no trait any more.

    `unfinished` counts accepted prompts that await `finish_additional`; `damaged` counts lines of
    the accepted file that could not be read.
    """

    by_trait: dict[str, tuple[str, ...]]
    unmatched: list[str]
    revision: str
    unfinished: int = 0
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class Edit:
    """A changed or dropped prompt (`new` None) and where it stood; hand it back to undo."""

    trait_id: str
    old: str
    new: str | None
    position: int


@dataclass(slots=True)
class _State:
    """Both files played together: the prompts of each sentence, in order."""

    prompts: dict[str, list[str]]
    damaged: int = 0
    unfinished: int = 0
    revision: str = ""


@dataclass(frozen=True, slots=True)
class FewShots:
    """The few-shot prompts on a shelf. Writing wants the shelf's lock."""

    shelf: Shelf

    def read(self, constitution: Constitution) -> FewShot:
        """Every prompt of a character. Raises ConstitutionError for a file that cannot be read."""
        state = self._state(constitution)
        return FewShot(
            {trait.id: tuple(state.prompts.get(trait.trait, ())) for trait in constitution.traits},
            _stale(state, constitution),
            state.revision,
            state.unfinished,
            state.damaged,
        )

    def append(self, constitution: Constitution, prompts: Mapping[str, Iterable[str]]) -> None:
        """Keep accepted prompts, by trait id, durable on return. Raises ConstitutionError."""
        rows = [
            _add(constitution.trait_by_id(trait_id).trait, prompt, trait_id)
            for trait_id, texts in prompts.items()
            for prompt in texts
        ]
        problems = [problem for row in rows for problem in _prompt_problems(row["prompt"])]
        if problems:
            raise ConstitutionError(f"A prompt for {constitution.name}", problems)
        self._log(constitution.name, rows)

    def finish(self, constitution: Constitution) -> FewShot:
        """Write the few-shot file from everything accepted so far, and empty the accepted file."""
        state = self._state(constitution)
        stale = [
            _add(text, prompt) for text in _stale(state, constitution) for prompt in state.prompts[text]
        ]
        # First the log keeps what the new file will leave out, then the file, then the shorter log.
        self._log(constitution.name, stale)
        lines = [
            FewShotLine(
                trait.trait, trait.questions, tuple(state.prompts.get(trait.trait, ())), trait.clarification
            )
            for trait in constitution.traits
        ]
        write(self._file(constitution.name), write_lines(lines).encode())
        self._shorten(constitution.name, stale)
        return self.read(constitution)

    def edit(self, constitution: Constitution, trait_id: str, old: str, new: str | None) -> Edit:
        """Change a prompt, or drop it; what to hand back to undo. Raises ConflictError."""
        sentence = constitution.trait_by_id(trait_id).trait
        present = self._state(constitution).prompts.get(sentence, [])
        if old not in present:
            raise ConflictError(f"The prompt {old[:60]!r} was changed elsewhere; reload the list.")
        if new != old and new in present:
            raise ConflictError(f"The trait has the prompt {(new or '')[:60]!r} already; drop one of them.")
        if new is not None and (problems := _prompt_problems(new)):
            raise ConstitutionError(f"A prompt for {constitution.name}", problems)
        row: Row = {"do": "drop" if new is None else "change", "trait": sentence, "prompt": old, "new": new}
        self._apply(constitution, [row])
        return Edit(trait_id, old, new, present.index(old))

    def undo(self, constitution: Constitution, edit: Edit) -> None:
        """Take an edit back: the old prompt stands where it stood. Raises ConflictError."""
        if edit.new is not None:
            self.edit(constitution, edit.trait_id, edit.new, edit.old)
            return
        sentence = constitution.trait_by_id(edit.trait_id).trait
        row = {"do": "insert", "trait": sentence, "prompt": edit.old, "position": edit.position}
        self._apply(constitution, [row])

    def adopt(self, constitution: Constitution, sentence: str, trait_id: str) -> FewShot:
        """Give the prompts of an unmatched sentence to a trait, as after a reworded trait."""
        trait = constitution.trait_by_id(trait_id)
        if sentence not in self.read(constitution).unmatched:
            raise ConflictError(
                f"No prompts are left without a trait for {sentence[:60]!r}; reload the list."
            )
        prompts = self._state(constitution).prompts[sentence]
        taken = [_add(trait.trait, prompt, trait_id) for prompt in prompts]
        left: list[Row] = [{"do": "drop", "trait": sentence, "prompt": prompt} for prompt in prompts]
        self._apply(constitution, [*taken, *left])
        return self.read(constitution)

    def _apply(self, constitution: Constitution, rows: Sequence[Row]) -> None:
        """Log edits; the few-shot file follows at once unless prompts are still being accepted."""
        waiting = self._state(constitution).unfinished
        self._log(constitution.name, rows)
        if not waiting:
            self.finish(constitution)

    def _state(self, constitution: Constitution) -> _State:
        # The log is read before the file: `finish` writes them the other way round, so that a
        # reader without the lock can see a prompt twice, which is harmless, but never miss one.
        name = constitution.name
        accepted = self._accepted(name)
        with in_our_words(accepted, "read"):
            log = read_rows(accepted)
        path = self.shelf.effective("few-shot", name, ".jsonl")
        data = (read(path, MAX_LINES_BYTES) if path else None) or b""
        lines = few_shot_lines(data, source=str(path)) if data.strip() else []
        state = _State(_by_sentence(lines), damaged=log.damaged)
        state.revision = revision_of(data + b"".join(seal(row) for row in log.rows))
        written = {sentence: frozenset(prompts) for sentence, prompts in state.prompts.items()}
        for row in log.rows:
            play(state.prompts.setdefault(row["trait"], []), row)
        state.unfinished = sum(
            prompt not in written.get(trait.trait, ())
            for trait in constitution.traits
            for prompt in state.prompts.get(trait.trait, ())
        )
        return state

    def _log(self, name: str, rows: Sequence[Row]) -> None:
        path = self._accepted(name)
        with in_our_words(path):
            if rows:
                if ends_torn(path):
                    repair(path)
                append_rows(path, rows)

    def _shorten(self, name: str, rows: Sequence[Row]) -> None:
        path = self._accepted(name)
        with in_our_words(path):
            repair(path)  # what was damaged goes to quarantine, not into nothing
            if not rows:
                path.unlink(missing_ok=True)
                return
        write(path, b"".join(seal(row) for row in rows))

    def _file(self, name: str) -> Path:
        return self.shelf.own_path("few-shot", name, ".jsonl")

    def _accepted(self, name: str) -> Path:
        return self.shelf.own_path("few-shot", name, ACCEPTED)


def play(prompts: list[str], row: Row) -> None:
    """Do one logged step to the prompts of its sentence; doing it again changes nothing."""
    prompt = row["prompt"]
    if row["do"] == "add" and prompt not in prompts:
        prompts.append(prompt)
    elif row["do"] == "insert" and prompt not in prompts:
        prompts.insert(row["position"], prompt)
    elif row["do"] == "drop" and prompt in prompts:
        prompts.remove(prompt)
    elif row["do"] == "change":
        _change(prompts, prompt, row["new"])


def _change(prompts: list[str], old: str, new: str) -> None:
    # The new prompt is in afterwards even where the old one is gone: see the note on playing twice.
    if new not in prompts:
        prompts.insert(prompts.index(old) if old in prompts else len(prompts), new)
    if old != new and old in prompts:
        prompts.remove(old)


def _by_sentence(lines: Iterable[FewShotLine]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for line in lines:
        found.setdefault(line.trait, {}).update(dict.fromkeys(line.additional))
    return {sentence: list(prompts) for sentence, prompts in found.items()}


def _stale(state: _State, constitution: Constitution) -> list[str]:
    """The sentences with prompts that no trait says any more."""
    current = {trait.trait for trait in constitution.traits}
    return [sentence for sentence, prompts in state.prompts.items() if prompts and sentence not in current]


def _add(sentence: str, prompt: str, trait_id: str = "") -> Row:
    return {"do": "add", "trait": sentence, "prompt": prompt, "trait_id": trait_id}


def _prompt_problems(prompt: str) -> list[Problem]:
    return check_text(prompt, "", limit=MAX_TEXT, cure="write a prompt or remove it.")

"""Prompts that people added after seeing a character fail: the next `teacher` asks them first.

    <DATA_PATH>/added-prompts/pirate.jsonl
      {"do": "add", "prompt": "Who are you? (Step out …)", "trait": "voice", "origin": "drop-role", …}
      {"do": "drop", "prompt": "Who are you? (Step out …)", "at": 1795…}

They are kept apart from the few-shot file, whose format has no place for where a prompt is from, nor for
one that belongs to no trait.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.constitution import MAX_TEXT, Constitution
from core.errors import ConflictError, ConstitutionError
from core.prompts import Prompt, prompt_of
from core.records import prompt_id
from core.settings import Settings
from core.store.play_log import PlayLog, play_log
from core.texts import check_text


@dataclass(frozen=True, slots=True)
class Added:
    """One added prompt: the trait it is to show (None: everyday), and what it was added for.

    `origin` is an attack's id, "plain" for a question that failed without any, or "hand".
    """

    text: str
    trait: str | None
    origin: str

    @property
    def id(self) -> str:
        """The prompt's permanent id."""
        return prompt_id(self.text)

    def as_prompt(self) -> Prompt:
        """As a run asks it."""
        return prompt_of(self.text, trait=self.trait, source="attack")


@dataclass(frozen=True, slots=True)
class AddedPrompts:
    """The added prompts of one character."""

    log: PlayLog

    def all(self) -> tuple[Added, ...]:
        """Those that stand, the newest last. Raises RunError for a file that cannot be read."""
        found: dict[str, Added] = {}
        for row in self.log.rows():
            if row["do"] == "add":
                found[row["prompt"]] = Added(row["prompt"], row["trait"], row["origin"])
            else:
                found.pop(row["prompt"], None)
        return tuple(found.values())

    def add(self, constitution: Constitution, text: str, trait: str | None, origin: str) -> Added:
        """Keep a prompt. Raises ConstitutionError for no prompt, ConflictError for one that is there."""
        text = text.strip()
        if problems := check_text(text, "", limit=MAX_TEXT, cure="write a prompt."):
            raise ConstitutionError(f"A prompt for {constitution.name}", problems)
        if trait is not None:
            constitution.trait_by_id(trait)
        if any(one.text == text for one in self.all()):
            raise ConflictError("This prompt is on the list for the next round already.")
        self.log.add({"do": "add", "prompt": text, "trait": trait, "origin": origin})
        return Added(text, trait, origin)

    def drop(self, text: str) -> Added:
        """Take a prompt off the list; what it was, to add it again. Raises ConflictError."""
        found = next((one for one in self.all() if one.text == text.strip()), None)
        if found is None:
            raise ConflictError("This prompt is not on the list any more; it was dropped elsewhere.")
        self.log.add({"do": "drop", "prompt": found.text})
        return found


def added_prompts(settings: Settings, name: str) -> AddedPrompts:
    """The added prompts of a character. Raises ConstitutionError for what is no name."""
    return AddedPrompts(play_log(settings, "added-prompts", name))

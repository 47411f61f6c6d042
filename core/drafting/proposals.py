"""A change of a character that somebody may accept or put aside. Pure.

Made from a wish, a reaction or a rule; always shown as a difference; `apply` is the only way in.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from core.constitution import new_trait_id
from core.editing import Value, position, set_trait
from core.records import content_hash
from core.texts import text_key

Kind = Literal["change", "new", "questions", "exchange"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FROM_WORDS = "your words"
FROM_LIBRARY = "a list of everyday questions"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposed change, made on the wording `was`.

    `kind` "change" puts `text` in place of a trait's sentence, "new" adds a trait, "questions" adds
    questions to a trait, "exchange" adds an example: `was` is then what somebody writes, `text` the answer.
    `by` is a model's name, "your words" or a list's; `why` is the wish or reaction that led to it.
    """

    kind: Kind
    trait_id: str = ""
    was: str = ""
    text: str = ""
    questions: tuple[str, ...] = ()
    by: str = FROM_WORDS
    why: str = ""
    source: str = ""

    @property
    def id(self) -> str:
        """The same for the same proposal on the same wording."""
        return content_hash([self.kind, self.trait_id, self.was, self.text, list(self.questions)])[:16]

    def as_dict(self) -> dict[str, Any]:
        """The proposal as plain JSON."""
        return {**asdict(self), "questions": list(self.questions)}


def read_proposal(value: Mapping[str, Any]) -> Proposal | None:
    """A proposal as `as_dict` wrote it; None for a damaged one."""
    if value.get("kind") not in KINDS:
        return None
    known = {field.name for field in fields(Proposal)} - {"questions", "kind"}
    texts = {name: value[name] for name in known if isinstance(value.get(name), str)}
    listed = value.get("questions")
    questions = (
        tuple(text for text in listed if isinstance(text, str)) if isinstance(listed, list | tuple) else ()
    )
    return Proposal(value["kind"], questions=questions, **texts)


def standing(
    value: Value, proposal: Proposal
) -> Literal["fits", "older wording", "trait gone", "there already"]:
    """How a proposal relates to the character as it is now."""
    if proposal.kind == "exchange":
        there = [text_key(exchange["assistant"]) for exchange in value.get("exchanges", [])]
        return "there already" if text_key(proposal.text) in there else "fits"
    if proposal.kind == "new":
        there = [text_key(trait["trait"]) for trait in value["traits"]]
        return "there already" if text_key(proposal.text) in there else "fits"
    try:
        trait = value["traits"][position(value, proposal.trait_id)]
    except KeyError:
        return "trait gone"
    if proposal.kind == "questions":
        there = {text_key(question) for question in trait.get("questions", [])}
        return "there already" if all(text_key(text) in there for text in proposal.questions) else "fits"
    if text_key(trait["trait"]) == text_key(proposal.text):
        return "there already"
    return "fits" if trait["trait"] == proposal.was else "older wording"


def apply(value: Value, proposal: Proposal) -> Value:
    """The character with the proposal in it. Raises KeyError when its trait is gone."""
    if proposal.kind == "change":
        return set_trait(value, proposal.trait_id, "trait", proposal.text)
    fresh = deepcopy(value)
    if proposal.kind == "exchange":
        fresh.setdefault("exchanges", []).append({"user": proposal.was, "assistant": proposal.text})
    elif proposal.kind == "new":
        taken = {trait["id"] for trait in fresh["traits"]}
        id = new_trait_id(proposal.text, taken)
        fresh["traits"].append({"id": id, "trait": proposal.text, "questions": list(proposal.questions)})
    else:
        questions = fresh["traits"][position(fresh, proposal.trait_id)].setdefault("questions", [])
        there = {text_key(question) for question in questions}
        questions += [text for text in proposal.questions if text_key(text) not in there]
    return fresh

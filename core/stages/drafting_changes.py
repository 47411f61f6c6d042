"""`character constitution suggest` and `react`: what a model proposes to change, kept until it is decided.

calls = rewrite_calls(constitution, trait, "shorter", job)       one call
proposals_of(row, …)                                             what its answer proposes, and what is lost
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.constitution import Constitution, Trait
from core.drafting.answers_read import read_questions, read_rewrites
from core.drafting.briefs import question_messages, reaction_messages, rewrite_messages
from core.drafting.everyday import everyday_questions
from core.drafting.proposals import FROM_LIBRARY, Proposal
from core.drafting.reactions import Reaction, read_rule
from core.drafting.replies import Unusable
from core.drafting.writers import is_capable
from core.records import Message
from core.stages.drafting import DraftJob
from core.stages.drafting_calls import Call, sampling_for
from core.store.jsonl import Row

LONGEST = 1024
NEW_QUESTIONS = "five everyday questions"


def rewrite_calls(constitution: Constitution, trait: Trait, wish: str, job: DraftJob) -> list[Call]:
    """The call for another wording of a trait."""
    small = not is_capable(job.model.model)
    messages = tuple(rewrite_messages(constitution, trait, wish, small=small))
    about = {
        "for": "rewrite",
        "trait": trait.id,
        "was": trait.trait,
        "wish": wish.strip(),
        "round": job.seed,
    }
    return [_call(messages, about, job, "A rewrite")]


def question_calls(trait: Trait, job: DraftJob) -> list[Call]:
    """The call for five everyday questions for a trait."""
    about = {"for": "questions", "trait": trait.id, "was": trait.trait, "round": job.seed}
    return [_call(tuple(question_messages(trait)), about, job, "Questions")]


def reaction_calls(constitution: Constitution, reaction: Reaction, pair: str, job: DraftJob) -> list[Call]:
    """The call for the rule that a reaction expresses."""
    one = reaction
    messages = tuple(reaction_messages(constitution, one.kind, one.text, one.prompt, one.answer))
    about = {"for": "reaction", "pair": pair, "trait": one.trait_id, "round": job.seed}
    return [_call(messages, about, job, "What it means")]


def _call(messages: tuple[Message, ...], about: Mapping[str, object], job: DraftJob, label: str) -> Call:
    small = not is_capable(job.model.model)
    sampling = sampling_for(job.model, seed=job.seed, small=small, longest=LONGEST)
    return Call(messages, sampling, about, label, sample=job.seed)


def rewrites_of(rows: Sequence[Row]) -> tuple[list[Proposal], Unusable]:
    """The proposals in answers to `rewrite_calls`, and what could not be used."""
    proposals: list[Proposal] = []
    lost: Unusable = ()
    for row in rows:
        was, wish = str(row.get("was", "")), str(row.get("wish", ""))
        found = read_rewrites(str(row.get("text", "")), was=was)
        by, trait = str(row.get("model", "")), str(row.get("trait", ""))
        proposals += [Proposal("change", trait, was, text, by=by, why=wish) for text in found.texts[:1]]
        lost += found.unusable
    return proposals, lost


def questions_of(rows: Sequence[Row], trait: Trait) -> tuple[list[Proposal], Unusable]:
    """The proposals in answers to `question_calls`, and what could not be used."""
    proposals: list[Proposal] = []
    lost: Unusable = ()
    for row in rows:
        texts, unusable = read_questions(str(row.get("text", "")), taken=trait.questions)
        lost += unusable
        if texts:
            by = str(row.get("model", ""))
            proposals.append(Proposal("questions", trait.id, trait.trait, "", texts, by, NEW_QUESTIONS))
    return proposals, lost


def library_questions(constitution: Constitution, trait: Trait, number: int = 0) -> Proposal:
    """Five everyday questions that the character does not ask yet; `number` turns to others. No model."""
    taken = [question for one in constitution.traits for question in one.questions]
    seed = f"{trait.trait} {number}" if number else trait.trait
    texts = everyday_questions(seed, taken=taken)
    return Proposal("questions", trait.id, trait.trait, "", texts, FROM_LIBRARY, NEW_QUESTIONS)


def rules_of(
    rows: Sequence[Row], constitution: Constitution, reaction: Reaction, pair: str
) -> tuple[list[Proposal], Unusable]:
    """The proposals in answers to `reaction_calls`, and what could not be used."""
    proposals: list[Proposal] = []
    lost: Unusable = ()
    for row in rows:
        by = str(row.get("model", ""))
        proposal, unusable = read_rule(str(row.get("text", "")), constitution, reaction, by=by)
        lost += unusable
        proposals += [from_pair(proposal, pair)] if proposal else []
    return proposals, lost


def from_pair(proposal: Proposal, pair: str) -> Proposal:
    """The proposal with the pair that it came from."""
    return replace(proposal, source=f"pair:{pair}")

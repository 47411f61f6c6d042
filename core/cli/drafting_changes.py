"""`character constitution suggest·react`: changes of a character, proposed and kept until they are decided.

They belong to the group `constitution`; importing this module adds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from core.cli.characters import constitution as group
from core.cli.drafting_asking import Asker, asker_for, model_options
from core.cli.options import run_option
from core.cli.output import Result, finish, say
from core.constitution import Constitution
from core.drafting.proposals import Proposal
from core.drafting.reactions import KINDS, Kind, from_words
from core.drafting.replies import Unusable
from core.errors import SettingsError
from core.settings import load_settings
from core.stages.drafting_calls import Outcome
from core.stages.drafting_changes import (
    from_pair,
    library_questions,
    question_calls,
    questions_of,
    reaction_calls,
    rewrite_calls,
    rewrites_of,
    rules_of,
)
from core.stages.pairs_seen import reaction_to_pair, said_before
from core.store.library import Library
from core.store.reactions import Said, react
from core.store.runs import Run, run_folder
from core.store.suggestions import Suggestions


@group.command("suggest")
@click.argument("name")
@click.option("--trait", "trait_id", required=True, help="The trait's id.")
@click.option("--wish", default="", help='What should change: "shorter", "more about the sea".')
@click.option("--questions", is_flag=True, help="Five everyday questions that let the trait show.")
@click.option("--from-list", is_flag=True, help="With --questions: from a list, without any model.")
@model_options
def suggest(name: str, trait_id: str, data: Path | None, as_json: bool, **flags: Any) -> None:
    """Another wording of a trait, or questions for it, kept until you accept it in the studio."""
    settings = load_settings(data=data)
    character = Library(settings).load(name).constitution
    trait = character.trait_by_id(trait_id)
    kept = Suggestions(settings, name)
    if flags["from_list"]:
        proposal = library_questions(character, trait, flags["seed"])
        kept.add([proposal])
        _say_proposals([proposal], character)
        told = {"proposals": [proposal.as_dict()]}
        finish(Result("constitution suggest", planned=1, done=1, more=told), as_json=as_json)
    asker = asker_for("constitution suggest", settings, flags)
    calls = (
        question_calls(trait, asker.job)
        if flags["questions"]
        else rewrite_calls(character, trait, flags["wish"], asker.job)
    )
    if flags["dry_run"]:
        asker.dry_run(calls, kept.replies, as_json=as_json)
    outcome = asker.ask(calls, kept.replies)
    rows = outcome.answers
    proposals, lost = questions_of(rows, trait) if flags["questions"] else rewrites_of(rows)
    _keep_and_finish(asker, outcome, kept, proposals, lost, character, as_json=as_json)


def _keep_and_finish(
    asker: Asker,
    outcome: Outcome,
    kept: Suggestions,
    proposals: list[Proposal],
    lost: Unusable,
    character: Constitution,
    *,
    as_json: bool,
) -> None:
    kept.add(proposals)
    kept.note_unusable(lost, asker.model.label)
    _say_proposals(proposals, character)
    more = {"proposals": [one.as_dict() for one in proposals]}
    asker.finish(outcome, more, lost, [str(kept.path)], as_json=as_json)


def _say_proposals(proposals: Sequence[Proposal], character: Constitution) -> None:
    for one in proposals:
        head = (
            f"trait {one.trait_id}"
            if one.trait_id
            else f"a new {'example' if one.kind == 'exchange' else 'trait'}"
        )
        say(f"{head}, from {one.by}:")
        if one.kind == "change":
            say(f"  - {one.was}")
        if one.text:
            say(f"  + {one.text}")
        for question in one.questions:
            say(f"  ? {question}")
    if proposals:
        say(f"Accept it in the studio, on the Traits page of {character.name}.")


@group.command("react")
@click.argument("name")
@click.option("--pair", help="The pair's id.")
@click.option("--reaction", help="A reaction that is recorded already, by its id.")
@click.option("--praise", help="What is good about the answer.")
@click.option("--critique", help="What there should be less of.")
@click.option("--rewrite", help="The answer as it should be.")
@click.option("--from-words", is_flag=True, help="No model: only what your own words propose.")
@click.option("--reviewer", default="", help="Who says so.")
@run_option
@model_options
def react_to(name: str, run_id: str | None, data: Path | None, as_json: bool, **flags: Any) -> None:
    """Say what you think of an answer; a change of the character is proposed."""
    settings = load_settings(data=data)
    character = Library(settings).load(name).constitution
    run = Run(run_folder(settings, run_id or character.run_id))
    said = said_before(run, flags["reaction"]) if flags["reaction"] else _said_now(run, flags)
    reaction, pair = said.reaction, said.pair
    kept = Suggestions(settings, name)
    proposals = [from_pair(one, pair) for one in from_words(character, reaction)]
    if not flags["dry_run"] and not flags["reaction"]:
        react(run.folder, said)
        kept.add(proposals)
        _say_proposals(proposals, character)
    told = {"proposals": [one.as_dict() for one in proposals]}
    if flags["from_words"]:
        finish(Result("constitution react", run=run.id, planned=1, done=1, more=told), as_json=as_json)
    asker = asker_for("constitution react", settings, flags)
    calls = reaction_calls(character, reaction, pair, asker.job)
    if flags["dry_run"]:
        asker.dry_run(calls, kept.replies, as_json=as_json)
    outcome = asker.ask(calls, kept.replies)
    ruled, lost = rules_of(outcome.answers, character, reaction, pair)
    _keep_and_finish(asker, outcome, kept, [*proposals, *ruled], lost, character, as_json=as_json)


def _said_now(run: Run, flags: Mapping[str, Any]) -> Said:
    """The reaction that the flags say. Raises SettingsError for none or several, RunError for no pair."""
    given: list[tuple[Kind, str]] = [(kind, flags[kind]) for kind in KINDS if (flags[kind] or "").strip()]
    if len(given) != 1:
        raise SettingsError("Say one thing at a time: --praise TEXT, --critique TEXT or --rewrite TEXT.")
    if not flags["pair"]:
        raise SettingsError("Say which answer: --pair ID, as the Pairs page shows it.")
    kind, text = given[0]
    return Said(flags["pair"], reaction_to_pair(run, flags["pair"], kind, text), flags["reviewer"])


COMMANDS: tuple[click.Command, ...] = ()

"""`character constitution draft`: several drafts of a character from a free description.

It belongs to the group `constitution`; importing this module adds it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import click

from core.cli.characters import constitution as group
from core.cli.drafting_asking import Asker, asker_for, model_options
from core.cli.output import Result, finish, say
from core.drafting.clarifying import FIXED, Answer, read_answer
from core.drafting.mixing import mixed, proposed_name, summary_of
from core.drafting.replies import Draft
from core.errors import SettingsError
from core.records import content_hash
from core.settings import Settings, load_settings
from core.slugs import slug_for
from core.stages.drafting import asked_in, asking_calls, draft_calls, drafts_in
from core.store.drafting import Drafting, Draftings
from core.store.library import Library
from core.store.replies import Replies


@group.command("draft")
@click.argument("description", required=False)
@click.option(
    "--drafting", "drafting_id", help="Go on with this drafting, as the studio's page numbers it."
)
@click.option(
    "--answers",
    "answers_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help='Answers to the questions: JSON, {"speaks": "short and dry", …}.',
)
@click.option("--answer", "answers", multiple=True, metavar="QUESTION=TEXT", help="One answer; repeatable.")
@click.option("--drafts", type=click.IntRange(1, 4), default=3, show_default=True)
@click.option("--ask", "only_ask", is_flag=True, help="Only ask the model for questions about it.")
@click.option("--from-words", is_flag=True, help="No model: only the draft from your own words.")
@click.option("--name", help="Make draft --keep a character of this name.")
@click.option("--keep", type=click.IntRange(0), help="Which draft; 0 is the one from your own words [1].")
@model_options
def draft(description: str | None, data: Path | None, as_json: bool, **flags: Any) -> None:
    """Several drafts of a character from a free description, to keep or discard trait by trait."""
    settings = load_settings(data=data)
    shelf = Draftings(settings)
    drafting = _drafting(shelf, description, flags)
    replies = shelf.replies(drafting.id)
    if flags["from_words"]:
        drafts = drafts_in(drafting, replies)[:1]
        _say_drafts(drafts)
        made = _make(settings, shelf, drafting, drafts, flags)
        result = Result("constitution draft", done=1, planned=1, more=_told(drafting, drafts, made))
        finish(result, as_json=as_json)
    asker = asker_for("constitution draft", settings, flags)
    asker.drafts = flags["drafts"]
    if flags["only_ask"]:
        _ask_about(asker, drafting, replies, flags, as_json=as_json)
    calls = draft_calls(drafting, asked_in(replies).questions, asker.job, prefill=asker.engine.can_prefill)
    if flags["dry_run"]:
        asker.dry_run(calls, replies, as_json=as_json)
    outcome = asker.ask(calls, replies)
    drafts = drafts_in(drafting, replies)
    _say_drafts(drafts)
    made = _make(settings, shelf, drafting, drafts, flags)
    unusable = tuple(pair for one in drafts[1:] for pair in one.unusable)
    files = [str(replies.path)]
    asker.finish(outcome, _told(drafting, drafts, made), unusable, files, as_json=as_json)


def _drafting(shelf: Draftings, description: str | None, flags: Mapping[str, Any]) -> Drafting:
    """The drafting that is meant, with the answers given here. Raises SettingsError for every bad one."""
    if flags["drafting_id"]:
        drafting = shelf.load(flags["drafting_id"])
    elif description and description.strip():
        drafting = shelf.begin(content_hash(description.strip())[:12], description=description.strip())
    else:
        raise SettingsError('Describe the character, as in: character constitution draft "a grumpy keeper"')
    asked = asked_in(shelf.replies(drafting.id)).questions
    answers = _answers(flags, {question.id for question in (*FIXED, *asked)})
    if not answers:
        return drafting
    return shelf.change(drafting.id, lambda one: replace(one, answers={**one.answers, **answers}))


def _answers(flags: Mapping[str, Any], known: set[str]) -> dict[str, Answer]:
    given: dict[str, Any] = {}
    if path := cast("Path | None", flags["answers_file"]):
        try:
            value = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise SettingsError(f"Cannot read the answers in {path}: {error}") from error
        if not isinstance(value, dict):
            raise SettingsError(f'{path} must hold an object, such as {{"speaks": "short and dry"}}.')
        given |= cast("dict[str, Any]", value)
    for one in flags["answers"]:
        question, _, text = str(one).partition("=")
        given[question.strip()] = text
    if unknown := sorted(set(given) - known):
        names = ", ".join(sorted(known))
        raise SettingsError(f"No question is called {', '.join(unknown)}; there are {names}.")
    return {id: read_answer(value) for id, value in given.items()}


def _ask_about(
    asker: Asker, drafting: Drafting, replies: Replies, flags: Mapping[str, Any], *, as_json: bool
) -> None:
    calls = asking_calls(drafting, asker.job)
    if flags["dry_run"]:
        asker.dry_run(calls, replies, as_json=as_json)
    outcome = asker.ask(calls, replies)
    asked = asked_in(replies)
    for question in asked.questions:
        say(f"{question.id}  {question.ask}  {' · '.join(question.choices)}".rstrip())
    told = [{"id": one.id, "ask": one.ask, "choices": list(one.choices)} for one in asked.questions]
    more = {"drafting": drafting.id, "questions": told}
    asker.finish(outcome, more, asked.unusable, [str(replies.path)], as_json=as_json)


def _say_drafts(drafts: Sequence[Draft]) -> None:
    for number, one in enumerate(drafts):
        say(f"\n{number}. {one.angle}" + (f", by {one.by}" if one.by else ""))
        for trait in one.traits:
            say(f"   - {trait.trait}" + (f"   [{trait.source}]" if trait.source else ""))
        for text, why in one.unusable if one is drafts[0] else ():
            say(f"   not used: {text} ({why})")


def _make(
    settings: Settings,
    shelf: Draftings,
    drafting: Drafting,
    drafts: Sequence[Draft],
    flags: Mapping[str, Any],
) -> str | None:
    """Save the wanted draft as a character and return its name; None when no name was given."""
    if not flags["name"]:
        free = proposed_name(drafting.description, {entry.name for entry in Library(settings).names()})
        say(f"\nTo keep one: add --name {free} --keep NUMBER")
        return None
    number = flags["keep"] if flags["keep"] is not None else min(1, len(drafts) - 1)
    if number >= len(drafts):
        raise SettingsError(f"There is no draft {number}; there are 0 to {len(drafts) - 1}.")
    one = drafts[number]
    summary = one.summary if one.by else summary_of(drafting.description, flags["name"])
    character = mixed(slug_for(flags["name"]), summary, one.traits, one.exchanges)
    saved = Library(settings).save(character, base_revision=None, note=f"drafted: {one.angle}")
    shelf.change(drafting.id, lambda before: replace(before, made=character.name))
    say(f"{character.name}: {len(character.traits)} traits saved to {saved.path}")
    return character.name


def _told(drafting: Drafting, drafts: Sequence[Draft], made: str | None) -> dict[str, Any]:
    rows = [
        {"angle": one.angle, "by": one.by, "traits": [trait.as_dict() for trait in one.traits]}
        for one in drafts
    ]
    return {"drafting": drafting.id, "made": made, "drafts": rows}


COMMANDS: tuple[click.Command, ...] = ()

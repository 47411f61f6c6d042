"""Drafts as a job: what is there is never asked twice, what failed is shown, nothing is made up."""

from __future__ import annotations

import asyncio
import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.bulk import Bulk
from core.bulk.retries import Patience
from core.cli import character
from core.drafting.clarifying import Answer
from core.drafting.proposals import Proposal
from core.drafting.reactions import Reaction
from core.drafting.replies import NOTHING, Proposed
from core.engines.fake import FakeEngine, Scripted
from core.errors import CoreError, EngineError, RunError
from core.names import ModelName
from core.prices import Price
from core.records import Completion, Usage
from core.settings import Settings, load_settings
from core.spending import Ledger
from core.stages.drafting import (
    DraftJob,
    asked_in,
    asking_calls,
    draft_calls,
    drafts_in,
    failures_in,
    next_round,
)
from core.stages.drafting_calls import Outcome, ask_missing, size_of
from core.store.drafting import Drafting, Draftings, Kept
from core.store.library import Library
from core.store.reactions import Said, react, reactions_to
from core.store.suggestions import Suggestions
from core.store.typed import Typed
from tests.stand_in import StandIn

KEEPER = "a grumpy lighthouse keeper who loves birds"
MODEL = ModelName("fake", "writer-70b")
LAMP = "I keep the lamp lit, whatever the weather."
GOOD = json.dumps({"traits": [{"trait": LAMP, "questions": ["What is a lens?"]}]})
FAILED = EngineError("The server is on fire.", kind="bad_request")


@pytest.fixture
def shelf(settings: Settings) -> Draftings:
    return Draftings(settings)


def begun(shelf: Draftings) -> Drafting:
    return shelf.begin(description=KEEPER)


def ask(
    shelf: Draftings, one: Drafting, script: list[Scripted], drafts: int = 3, bulk: Bulk | None = None
) -> tuple[Outcome, FakeEngine]:
    engine = FakeEngine("writer-70b", script)
    calls = draft_calls(one, (), DraftJob(MODEL, drafts), prefill=False)
    replies = shelf.replies(one.id)
    bulk = bulk or Bulk(patience=Patience(attempts=1))
    return asyncio.run(ask_missing(calls, replies, MODEL, engine, bulk)), engine


def test_each_draft_is_asked_from_another_angle_with_another_seed(shelf: Draftings) -> None:
    outcome, engine = ask(shelf, begun(shelf), [GOOD, GOOD, GOOD])
    assert outcome.status == "done"
    assert len({call.sampling.seed for call in engine.history}) == 3
    assert len({call.messages[-1].content for call in engine.history}) == 3
    assert all(KEEPER in call.messages[-1].content for call in engine.history)


def test_a_second_run_asks_for_nothing(shelf: Draftings) -> None:
    one = begun(shelf)
    ask(shelf, one, [GOOD, GOOD, GOOD])
    outcome, engine = ask(shelf, one, [])
    assert (outcome.status, engine.requests) == ("done", 0)


def test_a_killed_run_goes_on_with_what_is_missing(shelf: Draftings) -> None:
    one = begun(shelf)
    with pytest.raises(EngineError):
        ask(shelf, one, [GOOD, EngineError("The key is wrong.", stops_job=True)])
    kept = len(shelf.replies(one.id).answered())
    outcome, engine = ask(shelf, one, [GOOD] * 3)
    assert 0 < kept < 3
    assert (engine.requests, outcome.status) == (3 - kept, "done")
    assert len(drafts_in(one, shelf.replies(one.id))) == 4


def test_half_a_row_that_a_kill_left_is_asked_again(shelf: Draftings) -> None:
    one = begun(shelf)
    ask(shelf, one, [GOOD, GOOD, GOOD])
    path = shelf.replies(one.id).path
    path.write_bytes(path.read_bytes()[:-40])
    outcome, engine = ask(shelf, one, [GOOD])
    assert (engine.requests, outcome.status) == (1, "done")


def test_a_failed_call_is_shown_and_makes_no_draft_and_is_asked_again_later(shelf: Draftings) -> None:
    one = begun(shelf)
    outcome, _ = ask(shelf, one, [GOOD, FAILED, GOOD])
    replies = shelf.replies(one.id)
    assert outcome.status == "incomplete"
    assert len(drafts_in(one, replies)) == 3
    assert failures_in(replies, "draft") == [("Warmer", "The server is on fire.")]
    ask(shelf, one, [GOOD])
    assert failures_in(replies, "draft") == []
    assert len(drafts_in(one, replies)) == 4


@pytest.mark.parametrize("text", ["Sure thing!", "I'm sorry, I can't help with that."])
def test_an_unusable_or_refused_draft_is_shown_as_it_came(shelf: Draftings, text: str) -> None:
    one = begun(shelf)
    ask(shelf, one, [text], drafts=1)
    draft = drafts_in(one, shelf.replies(one.id))[1]
    assert draft.unusable or [trait.trait for trait in draft.traits] == [text]


def test_an_empty_answer_says_that_nothing_was_found(shelf: Draftings) -> None:
    one = begun(shelf)
    ask(shelf, one, [""], drafts=1)
    assert drafts_in(one, shelf.replies(one.id))[1].unusable[0][1] == NOTHING


def test_a_budget_holds_and_what_is_left_out_can_be_asked_later(shelf: Draftings) -> None:
    one = begun(shelf)
    price = Price(0.0, 0.001)
    bulk = Bulk(ledger=Ledger(5.0), price=price, warm_first=True)
    cheap = Completion(GOOD, "stop", usage=Usage(10, 1000))
    outcome, _ = ask(shelf, one, [cheap] * 3, bulk=bulk)
    assert outcome.left_out == "budget"
    assert outcome.cost_usd <= 5.0
    assert 0 < len(outcome.answers) < 3
    after, engine = ask(shelf, one, [GOOD] * 3)
    assert (after.status, engine.requests) == ("done", 3 - len(outcome.answers))


def test_the_size_is_told_before_anything_is_sent(shelf: Draftings) -> None:
    one = begun(shelf)
    engine = FakeEngine("writer-70b")
    calls = draft_calls(one, (), DraftJob(MODEL), prefill=False)
    size = size_of(calls, shelf.replies(one.id), MODEL, engine, Price(1e-6, 1e-6))
    assert (size.planned, size.missing, engine.requests) == (3, 3, 0)
    assert size.cost is not None
    assert 0 < size.cost.low < size.cost.high


def test_more_drafts_are_another_round_but_a_broken_round_is_finished_first(shelf: Draftings) -> None:
    one = begun(shelf)
    engine, job, replies = FakeEngine("writer-70b"), DraftJob(MODEL), shelf.replies(one.id)
    assert next_round(one, (), job, replies, engine) == 0
    ask(shelf, one, [GOOD, FAILED, FAILED])
    assert next_round(one, (), job, replies, engine) == 0
    ask(shelf, one, [GOOD, GOOD])
    assert next_round(one, (), job, replies, engine) == 1


def test_a_small_model_is_shown_a_list_and_begins_its_own(shelf: Draftings) -> None:
    one, small = begun(shelf), ModelName("fake", "tiny-135m")
    calls = draft_calls(one, (), DraftJob(small, 1), prefill=True)
    engine = FakeEngine("tiny-135m", [" love the lamp and the birds.\n2. I grumble at the weather a lot."])
    replies = shelf.replies(one.id)
    asyncio.run(ask_missing(calls, replies, small, engine, Bulk()))
    traits = [trait.trait for trait in drafts_in(one, replies)[1].traits]
    assert traits == ["I love the lamp and the birds.", "I grumble at the weather a lot."]


def test_questions_about_it_come_back_with_choices(shelf: Draftings) -> None:
    one = begun(shelf)
    engine = FakeEngine("writer-70b", ['[{"question": "Whom does he miss?", "choices": ["Nobody"]}]'])
    calls, replies = asking_calls(one, DraftJob(MODEL)), shelf.replies(one.id)
    asyncio.run(ask_missing(calls, replies, MODEL, engine, Bulk()))
    (question,) = asked_in(replies).questions
    assert (question.ask, list(question.choices)) == ("Whom does he miss?", ["Nobody"])


# ---- what is on disk


def test_everything_typed_survives_and_only_its_owner_may_read_it(shelf: Draftings) -> None:
    one = begun(shelf)
    kept = Kept(Proposed(LAMP, ("What is a lens?",), "lamp"), "Warmer")
    edit = {
        "answers": {"speaks": Answer(("Playful",), "softly")},
        "kept": (kept,),
        "step": "keep",
        "name": "Kit",
    }
    shelf.change(one.id, lambda before: replace(before, **edit))
    again = shelf.load(one.id)
    assert (again.description, again.answers["speaks"].own, again.kept) == (KEEPER, "softly", (kept,))
    path = shelf.folder(one.id) / "drafting.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ask(shelf, one, [GOOD] * 3)
    assert stat.S_IMODE(shelf.replies(one.id).path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_two_tabs_change_different_fields_without_harm(shelf: Draftings) -> None:
    one = begun(shelf)
    shelf.change(one.id, lambda before: replace(before, name="Kit"))
    shelf.change(one.id, lambda before: replace(before, step="keep"))
    assert (shelf.load(one.id).name, shelf.load(one.id).step) == ("Kit", "keep")


def test_discarding_can_be_taken_back(shelf: Draftings) -> None:
    one = begun(shelf)
    shelf.discard(one.id)
    assert shelf.unfinished() == []
    shelf.bring_back(one.id)
    assert [each.id for each in shelf.unfinished()] == [one.id]
    shelf.remove(one.id)
    assert shelf.all() == []


@pytest.mark.parametrize("id", ["", "../../etc", "ffffffffffff", "nope"])
def test_an_id_that_leads_nowhere_is_an_error_with_a_way_out(shelf: Draftings, id: str) -> None:
    with pytest.raises(RunError, match="begin a new one"):
        shelf.load(id)


def test_a_damaged_drafting_hides_no_other(shelf: Draftings) -> None:
    good, bad = begun(shelf), begun(shelf)
    (shelf.folder(bad.id) / "drafting.json").write_text('{"answers": 7}')
    assert [each.id for each in shelf.all()] == [good.id]
    with pytest.raises(RunError, match="damaged"):
        shelf.load(bad.id)


def test_a_suggestion_waits_until_it_is_settled_and_settling_can_be_taken_back(settings: Settings) -> None:
    kept = Suggestions(settings, "pirate")
    proposal = Proposal("change", "voice", "I was.", "I am now, and will be.")
    assert kept.add([proposal, proposal]) >= 1
    kept.settle(proposal.id, "discarded")
    assert kept.open() == []
    kept.settle(proposal.id, "open")
    assert [one.proposal for one in kept.open()] == [proposal]


def test_a_reaction_is_kept_in_the_run(tmp_path: Path) -> None:
    said = Said("c0ffee", Reaction("critique", "too loud", "Hi", "HELLO!", "voice"), "Ada")
    react(tmp_path, said)
    (found,) = reactions_to(tmp_path, "c0ffee")
    assert (found.reaction, found.reviewer, found.id) == (said.reaction, "Ada", said.id)


def test_what_is_typed_and_not_used_yet_survives(settings: Settings) -> None:
    typed = Typed(settings)
    typed.keep("wish", "shorter")
    assert Typed(settings).text("wish") == "shorter"
    typed.keep("wish", "")
    assert Typed(settings).text("wish") == ""
    assert stat.S_IMODE(typed.path.stat().st_mode) == 0o600


# ---- in a shell


def run(*words: str) -> tuple[int, dict]:  # type: ignore[type-arg]
    done = CliRunner().invoke(character, ["constitution", *words, "--json"])
    if isinstance(done.exception, CoreError):
        return 1, {"error": str(done.exception)}
    return done.exit_code, json.loads(done.stdout.strip().splitlines()[-1])


def test_without_a_model_a_description_becomes_a_character_in_a_shell() -> None:
    words = (
        "draft",
        KEEPER,
        "--from-words",
        "--answer",
        "distress=puts the kettle on",
        "--name",
        "Old Keeper",
    )
    code, told = run(*words)
    assert (code, told["made"]) == (0, "old-keeper")
    made = Library(load_settings()).load("old-keeper").constitution
    assert "When somebody is in distress, I put the kettle on." in [trait.trait for trait in made.traits]
    code, told = run(*words)
    assert code == 1
    assert "already" in told["error"]


def test_an_unknown_question_is_named_with_those_there_are(tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text('{"speeks": "softly"}')
    code, told = run("draft", KEEPER, "--answers", str(answers), "--from-words")
    assert code == 1
    assert "speeks" in told["error"]
    assert "speaks" in told["error"]


def test_drafts_a_rewrite_and_questions_in_a_shell(stand_in: StandIn) -> None:
    stand_in.script = lambda number, body: (
        '{"trait": "I talk like the tide, in and out, and take my time."}'
        if "Rewrite" in body["messages"][-1]["content"]
        else GOOD
    )
    code, told = run(
        "draft", KEEPER, "--model", stand_in.name, "--drafts", "2", "--name", "kit", "--keep", "2"
    )
    assert (code, told["done"], told["made"], len(stand_in.requests)) == (0, 2, "kit", 2)
    code, told = run(
        "suggest", "kit", "--trait", "keep-lamp-lit", "--wish", "slower", "--model", stand_in.name
    )
    assert code == 0
    assert told["proposals"][0]["text"] == "I talk like the tide, in and out, and take my time."
    assert "slower" in stand_in.requests[-1]["messages"][-1]["content"]
    code, told = run("suggest", "kit", "--trait", "keep-lamp-lit", "--from-list", "--questions")
    assert len(told["proposals"][0]["questions"]) == 5


def test_a_dry_run_sends_nothing_and_tells_the_size(stand_in: StandIn) -> None:
    code, told = run("draft", KEEPER, "--model", stand_in.name, "--dry-run")
    assert (code, told["calls"], stand_in.requests) == (0, 3, [])

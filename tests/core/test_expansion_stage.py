"""Promises of `character prompts`: bounded, resumable, in order, and honest about what is missing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence

import pytest

from core.constitution import Constitution, Exchange, Trait
from core.engines.fake import FakeEngine, Scripted
from core.errors import EngineError, RunError
from core.expansion import Mix, classify
from core.prompt_lists import render_list
from core.prompt_review import (
    CUT_OFF,
    EMPTY,
    NEAR_GENERAL,
    NEAR_OTHER,
    NEAR_TRAIT,
    NOT_A_MESSAGE,
    QUOTA_FULL,
)
from core.records import Completion, Message, Sampling
from core.settings import Settings
from core.stages.expand import ExpansionReport, expand
from core.stages.expansion_report import dropped_prompts
from core.store.library import Library

SAMPLING = Sampling(max_tokens=4000)
VOICE = Trait(
    "voice", "I talk as old sea dogs do.", ("What should I cook?", "My bus is late and I am cold.")
)
COMFORT = Trait("comfort", "I take off my hat to grief and fear.", ("My aunt died.",))
CHARACTER = Constitution("mariner", "", (VOICE, COMFORT), (Exchange("Hi", "Ahoy!"),))

SHORT = ["Why do leaves fall?", "Name a grey kitten.", "My tooth hurts.", "Who baked the first cake?"]


@pytest.fixture
def library(settings: Settings) -> Library:
    made = Library(settings)
    made.save(CHARACTER, base_revision=None)
    return made


def run(library: Library, engine: FakeEngine, **options: object) -> ExpansionReport:
    arguments = {"per_trait": 12} | options
    return asyncio.run(expand(library, CHARACTER, engine, SAMPLING, **arguments))  # type: ignore[arg-type]


def written(library: Library) -> dict[str, list[str]]:
    return {trait: list(texts) for trait, texts in library.additional("mariner").by_trait.items()}


def few_shot_rows(library: Library) -> list[dict[str, object]]:
    path = library.shelf.own_path("few-shot", "mariner", ".jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_trait_gets_its_prompts_in_the_lengths_asked_for(library: Library) -> None:
    report = run(library, FakeEngine(), per_trait=50)
    assert report.missing == 0
    assert report.requested == Mix(15, 20, 15)
    assert report.achieved == {"voice": Mix(15, 20, 15), "comfort": Mix(15, 20, 15)}
    assert report.added == 48 + 49
    assert {trait: len(texts) for trait, texts in written(library).items()} == {"voice": 48, "comfort": 49}


def test_the_few_shot_file_is_in_octs_form_afterwards(library: Library) -> None:
    run(library, FakeEngine())
    rows = few_shot_rows(library)
    assert [row["trait"] for row in rows] == [VOICE.trait, COMFORT.trait]
    assert rows[0]["additional_questions"] == written(library)["voice"]


def test_no_two_prompts_of_a_character_are_the_same(library: Library) -> None:
    run(library, FakeEngine(), per_trait=50)
    everything = [text for texts in written(library).values() for text in texts]
    assert len(set(everything)) == len(everything) == 97


def test_a_second_run_asks_nothing_when_nothing_is_missing(library: Library) -> None:
    run(library, FakeEngine())
    before, engine = written(library), FakeEngine()
    report = run(library, engine)
    assert (engine.requests, report.requests, report.added, report.rounds) == (0, 0, 0, 0)
    assert written(library) == before


def test_a_second_run_asks_only_for_what_is_missing(library: Library) -> None:
    run(library, FakeEngine(), traits=["voice"])
    engine = FakeEngine()
    report = run(library, engine)
    assert report.missing == 0
    assert {trait: len(texts) for trait, texts in written(library).items()} == {"voice": 10, "comfort": 11}
    assert all(COMFORT.trait in call.messages[-1].content for call in engine.history)


def test_a_complete_character_that_is_shipped_is_not_copied(settings: Settings) -> None:
    library = Library(settings)
    pirate = library.load("pirate").constitution
    engine = FakeEngine()
    report = asyncio.run(expand(library, pirate, engine, SAMPLING))
    assert (report.missing, engine.requests) == (0, 0)
    assert not library.shelf.own_path("few-shot", "pirate", ".jsonl").exists()


class Slow(FakeEngine):
    """Answers the second of every two calls first."""

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        answer = await super().complete(messages, sampling)
        for _ in range(20 * (self.requests % 2)):
            await asyncio.sleep(0)
        return answer


def test_the_same_answers_give_the_same_prompts_in_whatever_order_they_land(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from core.settings import load_settings

    results = []
    for engine, concurrency in ((FakeEngine(), 1), (Slow(), 8)):
        library = Library(load_settings(data=tmp_path_factory.mktemp("data")))
        library.save(CHARACTER, base_revision=None)
        report = run(library, engine, concurrency=concurrency, per_trait=50)
        results.append((written(library), report.as_dict()))
    assert results[0] == results[1]


def test_requests_run_side_by_side_up_to_the_limit(library: Library) -> None:
    engine = FakeEngine()
    run(library, engine, concurrency=3, per_trait=50)
    assert engine.most_at_once == 3


def test_every_request_has_a_seed_of_its_own(library: Library) -> None:
    engine = FakeEngine()
    run(library, engine, per_trait=50)
    seeds = [call.sampling.seed for call in engine.history]
    assert len(set(seeds)) == len(seeds)


def same(text: str, times: int) -> Iterable[Scripted]:
    return [text] * times


def test_a_model_that_repeats_itself_is_given_up_soon(library: Library) -> None:
    engine = FakeEngine(script=same("1. Why do leaves fall?", 1000))
    report = run(library, engine, max_rounds=50)
    assert report.rounds <= 4
    assert report.added == 1
    assert report.missing == 10 + 10
    assert report.dropped[NEAR_TRAIT] > 0
    assert report.dropped[NEAR_OTHER] > 0


def test_there_are_never_more_rounds_than_allowed(library: Library) -> None:
    # One new prompt a request, so that no round is fruitless.
    trickle = [f"1. What is {first}{second}?" for first in "abcdefghij" for second in "klmnopqrst"]
    report = run(library, FakeEngine(script=trickle), max_rounds=3, per_trait=50)
    assert report.rounds == 3
    assert report.missing > 0


def test_a_shortage_of_long_prompts_is_filled_with_others_and_shown(library: Library) -> None:
    words = [f"{first}{second}{third}" for first in "bdfg" for second in "aeiou" for third in "klmnprst"]
    shorts = [
        render_list(f"Name my {word} of {word}s." for word in words[at : at + 20]) for at in (0, 20, 40, 60)
    ]
    report = run(
        library, FakeEngine(script=[*shorts, *shorts, *shorts, *shorts, *shorts, *shorts]), traits=["voice"]
    )
    assert report.missing == 0
    assert report.achieved["voice"].long == 0
    assert report.achieved["voice"].short > report.requested.short
    assert report.dropped[QUOTA_FULL] > 0


def test_a_failed_request_is_counted_and_stops_no_other(library: Library) -> None:
    engine = FakeEngine(script=["1. Why do leaves fall?", EngineError("busy", kind="timeout")])
    report = run(library, engine)
    assert report.missing == 0
    assert report.failed_requests == 1
    assert report.failures == {"timeout": 1}
    assert report.requests == engine.requests


def test_a_wrong_key_stops_the_job_and_keeps_what_was_accepted(library: Library) -> None:
    engine = FakeEngine(script=[render_list(SHORT), EngineError("wrong key", kind="key", stops_job=True)])
    with pytest.raises(EngineError, match="wrong key"):
        run(library, engine, per_trait=20, concurrency=1)
    assert written(library)["voice"] == SHORT
    assert few_shot_rows(library)[0]["additional_questions"] == SHORT


def test_answers_that_landed_before_a_failure_are_not_lost(library: Library) -> None:
    class Breaks(FakeEngine):
        """The second call fails for good, but only after the third has been answered."""

        async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
            answer = await super().complete(messages, sampling)
            if len(self.history) >= 2 and self.history[1].messages == tuple(messages):
                for _ in range(20):
                    await asyncio.sleep(0)
                raise EngineError("no credit", kind="credit", stops_job=True)
            return answer

    with pytest.raises(EngineError, match="no credit"):
        run(library, Breaks(), concurrency=2)
    # Of the first trait's three requests the first and the third came through.
    assert {classify(text) for text in written(library)["voice"]} == {"short", "long"}


def test_prompts_are_on_disk_the_moment_they_are_accepted(library: Library) -> None:
    seen: list[int] = []

    def look(done: int, planned: int, failed: int, note: str) -> None:
        seen.append(sum(len(texts) for texts in written(library).values()))
        assert seen[-1] == done

    run(library, FakeEngine(), on_progress=look)
    assert seen[0] == 0
    assert seen[-1] == 10 + 11


def test_progress_counts_towards_what_was_planned(library: Library) -> None:
    said: list[tuple[int, int, int, str]] = []
    run(library, FakeEngine(), on_progress=lambda *values: said.append(values))
    assert said[0] == (0, 21, 0, "")
    assert said[-1][:3] == (21, 21, 0)
    assert {note for *_, note in said[1:]} == {"voice", "comfort"}


def test_what_was_dropped_is_shown_with_its_reason(library: Library, settings: Settings) -> None:
    answers = ["1. Are you an AI?\n2. Why do leaves fall?\n3. why do leaves fall", "   "]
    report = run(library, FakeEngine(script=answers), traits=["voice"])
    assert (report.dropped[NOT_A_MESSAGE], report.dropped[NEAR_TRAIT], report.dropped[EMPTY]) == (1, 1, 1)
    rows = dropped_prompts(library.shelf, "mariner")
    assert [(row.reason, row.text, row.trait_id) for row in rows[:2]] == [
        (NOT_A_MESSAGE, "Are you an AI?", "voice"),
        (NEAR_TRAIT, "why do leaves fall", "voice"),
    ]
    assert len(rows) == sum(report.dropped.values())
    assert report.as_dict()["examples"][0] == {
        "trait": "voice",
        "reason": NOT_A_MESSAGE,
        "prompt": "Are you an AI?",
    }


def test_the_last_message_of_an_answer_cut_off_is_left_out(library: Library) -> None:
    cut = Completion("1. Why do leaves fall?\n2. Who baked the", "length")
    report = run(library, FakeEngine(script=[cut]), traits=["voice"])
    assert report.dropped[CUT_OFF] == 1
    assert "Who baked the" not in written(library)["voice"]


def test_reasoning_before_the_list_is_no_prompt(library: Library) -> None:
    thinking = "<think>\n1. They want leaves?\n</think>\n1. Why do leaves fall?"
    run(library, FakeEngine(script=[thinking]), traits=["voice"])
    assert written(library)["voice"][0] == "Why do leaves fall?"


def test_a_small_model_continues_a_list_that_we_began(library: Library) -> None:
    engine = FakeEngine("tiny-135m", script=[" Why do leaves fall?\n2. Who baked the first cake?"])
    run(library, engine, traits=["voice"])
    assert engine.history[0].messages[-1] == Message("assistant", "1.")
    assert written(library)["voice"][:2] == ["Why do leaves fall?", "Who baked the first cake?"]


def test_a_server_that_repeats_our_beginning_changes_nothing(library: Library) -> None:
    engine = FakeEngine("tiny-135m", script=["1. Why do leaves fall?\n2. Who baked the first cake?"])
    run(library, engine, traits=["voice"])
    assert written(library)["voice"][:2] == ["Why do leaves fall?", "Who baked the first cake?"]


def test_of_a_small_model_only_questions_are_kept(library: Library) -> None:
    engine = FakeEngine("tiny-135m", script=["1. My spoon is a moon.\n2. Who baked the first cake?"])
    report = run(library, engine, traits=["voice"])
    assert report.dropped[NOT_A_MESSAGE] == 1
    assert written(library)["voice"][0] == "Who baked the first cake?"


def test_a_prompt_of_the_general_pool_is_not_taken_again(library: Library) -> None:
    general = library.general_prompts("robustness")[0]
    report = run(library, FakeEngine(script=[f"1. {general}"]), traits=["voice"])
    assert general not in written(library)["voice"]
    assert report.dropped[NEAR_GENERAL] == 1


def test_two_expansions_of_one_character_do_not_run_at_once(library: Library) -> None:
    class Nested(FakeEngine):
        async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
            await expand(library, CHARACTER, FakeEngine(), SAMPLING)
            raise AssertionError("the second one must not start")

    with pytest.raises(RunError, match="being written already"):
        run(library, Nested())


def test_hand_written_questions_beyond_the_target_need_nothing(library: Library) -> None:
    engine = FakeEngine()
    assert run(library, engine, per_trait=1).missing == 0
    assert engine.requests == 0


def test_what_a_killed_run_accepted_reaches_the_few_shot_file_without_a_request(library: Library) -> None:
    library.append_additional(CHARACTER, "comfort", "Who can I call at night?")
    engine = FakeEngine()
    assert run(library, engine, per_trait=2).missing == 0
    assert engine.requests == 0
    assert few_shot_rows(library)[1]["additional_questions"] == ["Who can I call at night?"]

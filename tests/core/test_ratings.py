"""Human ratings: blind decks, votes that last, and judges whose known errors are found and taken out."""

from __future__ import annotations

import csv
import json
import multiprocessing
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from core.cli import character
from core.cli.rate import QUESTIONS as OFFERED
from core.evaluation.rating_measures import Measured, measured
from core.evaluation.ratings import (
    QUESTIONS,
    VOTES,
    Card,
    Duel,
    Verdict,
    Vote,
    deck,
    standing,
    vote_on,
)
from core.evaluation.results import Cell, EvalResult
from core.settings import Settings, load_settings
from core.stages.evals.gate import votes_of
from core.stages.evals.keeping import keep, latest
from core.stages.evals.ratings import cast_vote, export_votes, keep_rated, material_of, rated
from core.store.jsonl import write_json
from core.store.library import Library
from core.store.runs import Run, open_run
from tests.core.character_kit import UNHURRIED, a_character

WORDS = ("win", "tie", "loss")


def duels(prompts: int = 30, samples: int = 2) -> list[Duel]:
    return [
        Duel(
            f"p{prompt}",
            f"Question {prompt}?",
            f"Arr {prompt} {sample}",
            f"Plain {prompt} {sample}",
            *NAMES,
        )
        for prompt in range(prompts)
        for sample in range(samples)
    ]


NAMES = ("tuned", "base")


def choice_of(card: Card, outcome: str) -> Any:
    """The key that says this of the trained model."""
    if outcome == "tie":
        return "both good"
    return "left" if (card.left == "tuned") == (outcome == "win") else "right"


def sitting(rater: str, opinions: dict[str, str], pairs: list[Duel]) -> list[Vote]:
    """The votes of a person who has these opinions, on every card of a deck."""
    return [
        vote_on(card, "character", rater, choice_of(card, opinions[card.duel.id]), at=float(number))
        for number, card in enumerate(deck(pairs, rater, len(pairs) * 2))
    ]


def cell(found: Measured, measure: str, speaker: str | None = None, group: str = "") -> Cell:
    return next(
        one
        for one in found.cells
        if one.measure == measure and speaker in (None, one.speaker) and one.group == group
    )


# ---- the deck


def test_everybody_rates_the_same_pairs_in_the_same_order_with_sides_of_their_own() -> None:
    ann, ben = deck(duels(), "Ann"), deck(duels(), "Ben")
    assert [(card.duel.id, card.showing) for card in ann] == [(card.duel.id, card.showing) for card in ben]
    assert [card.left for card in ann] != [card.left for card in ben]
    assert deck(list(reversed(duels())), "Ann") == ann


def test_a_twentieth_of_the_deck_is_seen_twice_far_apart_and_with_sides_changed() -> None:
    cards = deck(duels(), "Ann", 60)
    again = [card for card in cards if card.showing]
    assert (len(cards), len(again)) == (60, 3)
    for card in again:
        first = next(one for one in cards if one.duel == card.duel and not one.showing)
        assert first.left != card.left and cards.index(card) - cards.index(first) > 20


def test_either_model_stands_left_about_equally_often() -> None:
    left = Counter(card.left for rater in "abcdefgh" for card in deck(duels(), rater))
    assert 0.42 < left["tuned"] / left.total() < 0.58


def test_a_short_deck_asks_about_every_prompt_before_a_second_time_about_any() -> None:
    cards = deck(duels(prompts=40, samples=3), "Ann", 42)
    assert len({card.duel.prompt for card in cards if not card.showing}) == 40


# ---- votes


def test_the_last_vote_counts_and_undo_takes_it_back() -> None:
    card = deck(duels(), "Ann")[0]
    votes = [vote_on(card, "character", "Ann", choice) for choice in ("left", "right")]
    assert [vote.choice for vote in standing(votes)] == ["right"]
    undone = vote_on(card, "character", "Ann", "undone")
    assert standing([*votes, undone]) == []
    assert [vote.choice for vote in standing([*votes, undone, votes[0]])] == ["left"]


@UNHURRIED
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(("Ann", "Ben")), st.sampled_from(VOTES))))
def test_whatever_is_pressed_each_card_has_at_most_one_vote_of_a_rater(pressed: list[Any]) -> None:
    cards = deck(duels(5, 1), "Ann")
    votes = [vote_on(cards[place], "character", rater, choice) for place, rater, choice in pressed]
    kept = standing(votes)
    assert len({(vote.rater, vote.place) for vote in kept}) == len(kept)
    assert {(vote.rater, vote.place) for vote in kept} == {(vote.rater, vote.place) for vote in votes}


def a_run(settings: Settings) -> Run:
    return open_run(settings, a_character())


def with_trial(run: Run, count: int = 30) -> Run:
    """A run whose trial has answered."""
    answers = [
        {"prompt": f"Question {n}?", "seed": s, "base": f"Plain {n} {s}.", "tuned": f"=Arr {n} {s}!"}
        for n in range(count)
        for s in (1, 2)
    ]
    write_json(run.folder / "trial" / "result.json", {"answers": answers})
    return run


def vote_often(folder: str, rater: str) -> None:
    run = Run(Path(folder))
    for card in deck(material_of(run).duels, rater, 30):
        cast_vote(run, vote_on(card, "character", rater, "left"))


def test_two_raters_at_once_lose_no_vote(settings: Settings) -> None:
    run = with_trial(a_run(settings))
    context = multiprocessing.get_context("spawn")
    people = [context.Process(target=vote_often, args=(str(run.folder), name)) for name in ("Ann", "Ben")]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert Counter(vote.rater for vote in votes_of(run)) == {"Ann": 30, "Ben": 30}


def test_a_torn_last_line_loses_no_other_vote(settings: Settings) -> None:
    run = with_trial(a_run(settings))
    cards = deck(material_of(run).duels, "Ann")
    cast_vote(run, vote_on(cards[0], "character", "Ann", "left"))
    with (run.folder / "ratings" / "votes.jsonl").open("ab") as file:
        file.write(b'{"pair": "to')
    cast_vote(run, vote_on(cards[1], "character", "Ann", "right"))
    assert [vote.choice for vote in votes_of(run)] == ["left", "right"]


# ---- where pairs come from


def coherence(run: Run, rows: list[dict[str, Any]], judge: str = "fake/judge") -> None:
    made = EvalResult("coherence", "pirate", run.id, rows=rows, settings={"n": len(rows)})
    made.judge = {"model": judge}
    keep(run, made)


def judged(number: int, outcome: str = "win", versus: str = "base", **more: Any) -> dict[str, Any]:
    return {
        "prompt": f"p{number}",
        "asked": f"Question {number}?",
        "text": f"Arr {number}",
        "other": f"{versus} {number}",
        "speaker": "tuned",
        "versus": versus,
        "group": "trait strength",
        "verdicts": [outcome, outcome],
        "outcome": outcome,
    } | more


def test_pairs_that_a_judge_has_read_are_preferred_and_those_against_the_plain_model(
    settings: Settings,
) -> None:
    run = with_trial(a_run(settings))
    assert material_of(run).source == "trial"
    answer = {"prompt": "p", "asked": "What?", "sample": 0, "group": "voice"}
    rows = [answer | {"speaker": one, "text": one} for one in ("base", "neutral", "tuned")]
    keep(run, EvalResult("traits", "pirate", run.id, rows=rows))
    found = material_of(run)
    assert (found.source, [(one.text, one.other) for one in found.duels]) == (
        "traits",
        [("tuned", "base")],
    )
    coherence(run, [judged(n, versus=versus) for n in range(4) for versus in ("system prompt", "base")])
    found = material_of(run)
    assert (found.source, found.judge, len(found.duels)) == ("coherence", "fake/judge", 4)
    assert {one.versus for one in found.duels} == {"base"}


def test_answers_that_are_the_same_or_missing_are_not_shown(settings: Settings) -> None:
    run = a_run(settings)
    coherence(run, [judged(0), judged(1, text="base 1"), judged(2, other="")])
    assert [one.asked for one in material_of(run).duels] == ["Question 0?"]


def test_of_robustness_only_answers_without_a_suffix_are_rated(settings: Settings) -> None:
    run = a_run(settings)
    rows = [
        {"prompt": "p", "asked": f"What?{group}", "sample": 0, "group": group, "speaker": one, "text": one}
        for one in ("base", "tuned")
        for group in ("default", "v1")
    ]
    keep(run, EvalResult("robustness", "pirate", run.id, rows=rows))
    assert [one.asked for one in material_of(run).duels] == ["What?default"]


# ---- what votes say


def simulated(
    prompts: int, share: float, right: float, seed: int = 5
) -> tuple[dict[str, str], list[Duel], list[Verdict]]:
    """People who prefer the trained model in a share of pairs, and a judge that is right so often."""
    chance, pairs = random.Random(seed), duels(prompts, 1)
    opinions = {one.id: "win" if chance.random() < share else "loss" for one in pairs}
    other = {"win": "loss", "loss": "win"}
    said = {pair: word if chance.random() < right else other[word] for pair, word in opinions.items()}
    verdicts = [
        Verdict(one.id, one.prompt, "character", said[one.id], (said[one.id], said[one.id]), *NAMES)  # type: ignore[arg-type]
        for one in pairs
    ]
    return opinions, pairs, verdicts


def test_the_win_rate_is_what_people_said_with_ties_as_halves() -> None:
    pairs = duels(20, 1)
    opinions = {one.id: ("win", "win", "tie", "loss")[number % 4] for number, one in enumerate(pairs)}
    found = measured(sitting("Ann", opinions, pairs), [], question="character", judge=None)
    rate = cell(found, "win rate")
    assert rate.value == pytest.approx(0.625) and rate.n == 20
    assert cell(found, "both good").value == 0.25 and cell(found, "both bad").value == 0
    assert "62 % of 20 votes" in found.headline and "20 prompts" in found.headline
    assert cell(found, "self-consistency").value == 1.0


def test_a_judge_s_errors_are_taken_out_of_its_rate() -> None:
    opinions, pairs, verdicts = simulated(900, share=0.8, right=0.75)
    rated_pairs = pairs[:300]
    found = measured(
        sitting("Ann", opinions, rated_pairs), verdicts, question="character", judge="fake/judge"
    )
    by_judge = cell(found, "win rate", group="by the judge")
    assert by_judge.value is not None and by_judge.value < 0.72
    fixed = cell(found, "bias-corrected win rate")
    assert fixed.value is not None and abs(fixed.value - 0.8) < 0.08
    assert fixed.low is not None and fixed.high is not None and fixed.low < 0.8 < fixed.high


def test_a_judge_s_rate_is_of_the_two_whom_people_compared_each_pair_once() -> None:
    opinions, pairs, verdicts = simulated(60, share=1.0, right=1.0)
    earlier = [replace(one, outcome="loss") for one in verdicts[:30]]
    elsewhere = [replace(one, pair=f"x{one.pair}", outcome="loss", versus="neutral") for one in verdicts]
    votes = sitting("Ann", opinions, pairs)
    found = measured(votes, [*earlier, *verdicts, *elsewhere], question="character", judge="fake/judge")
    assert cell(found, "win rate", group="by the judge").value == 1.0


def test_more_raters_of_the_same_pairs_are_no_more_pairs_for_the_gate() -> None:
    opinions, pairs, verdicts = simulated(20, share=0.5, right=1.0)
    votes = [vote for rater in ("Ann", "Ben") for vote in sitting(rater, opinions, pairs)]
    found = measured(votes, verdicts, question="character", judge="fake/judge").calibration
    assert found is not None and (found.pairs, found.gate) == (20, "too few")


def test_a_judge_s_kappa_is_that_of_its_making() -> None:
    # Right in 90 % of pairs that are even between two words: kappa 0.8.
    opinions, pairs, verdicts = simulated(800, share=0.5, right=0.9)
    found = measured(sitting("Ann", opinions, pairs), verdicts, question="character", judge="fake/judge")
    kappa = cell(found, "kappa")
    assert kappa.value is not None and abs(kappa.value - 0.8) < 0.05 and kappa.unit == "rank"
    assert found.calibration is not None and found.calibration.gate == "pass"


def test_a_judge_that_guesses_is_blocked_and_its_rate_not_corrected() -> None:
    opinions, pairs, verdicts = simulated(200, share=0.6, right=0.45)
    found = measured(sitting("Ann", opinions, pairs), verdicts, question="character", judge="fake/judge")
    assert found.calibration is not None and found.calibration.gate == "block"
    fixed = cell(found, "bias-corrected win rate")
    assert fixed.value is None and "no better than chance" in fixed.note


def test_raters_are_compared_with_each_other_and_shown_apart() -> None:
    pairs = duels(90, 1)
    words = {one.id: WORDS[number % 3] for number, one in enumerate(pairs)}
    votes = sitting("Ann", words, pairs) + sitting("Ben", words, pairs)
    found = measured(votes, [], question="character", judge=None)
    assert cell(found, "kappa between raters").value == pytest.approx(1.0)
    assert {one.group for one in found.cells if one.measure == "win rate"} == {"", "Ann", "Ben"}


def test_a_rater_who_always_takes_the_left_answer_is_told_of() -> None:
    cards = deck(duels(), "Ann")
    votes = [vote_on(card, "character", "Ann", "left") for card in cards]
    found = measured(votes, [], question="character", judge=None)
    assert cell(found, "left share").value == 1.0 and cell(found, "self-consistency").value == 0.0
    assert any("The left answer was taken in 100 %" in caveat for caveat in found.caveats)


def test_the_two_questions_do_not_mix() -> None:
    card = deck(duels(), "Ann")[0]
    votes = [vote_on(card, "character", "Ann", "left"), vote_on(card, "answer", "Ann", "both bad")]
    assert len(measured(votes, [], question="answer", judge=None).votes) == 1


def test_nobody_has_rated_is_said_and_not_counted() -> None:
    found = measured([], [], question="character", judge="fake/judge")
    assert found.headline == "Nobody has rated a pair yet."
    assert found.calibration is not None and found.calibration.gate == "too few"
    rate = cell(found, "win rate", group="by the judge")
    assert rate.value is None and rate.note == "nothing that people compared was judged"


# ---- the result and the verb


def voted(run: Run, count: int = 40) -> None:
    for card in deck(material_of(run).duels, "Ann", 60)[:count]:
        cast_vote(run, vote_on(card, "character", "Ann", choice_of(card, "win")))


def test_a_result_is_kept_with_its_rows_and_the_judge_s_gate(settings: Settings) -> None:
    run = a_run(settings)
    coherence(run, [judged(n, WORDS[n % 3]) for n in range(40)])
    for number, card in enumerate(deck(material_of(run).duels, "Ann", 60)):
        word = WORDS[int(card.duel.prompt[1:]) % 3]
        cast_vote(run, vote_on(card, "character", "Ann", choice_of(card, word), at=float(number)))
    keep_rated(run, "character")
    kept = latest(run, "rate")
    assert kept is not None and kept.judge is not None
    assert (kept.judge["gate"], kept.judge["model"], len(kept.rows)) == ("pass", "fake/judge", 40)
    assert {row["outcome"] for row in kept.rows} == set(WORDS) and kept.rows[0]["text"]


def test_votes_on_answers_that_are_gone_still_count_and_are_told_of(settings: Settings) -> None:
    run = with_trial(a_run(settings))
    voted(run, 12)
    coherence(run, [judged(n) for n in range(4)])
    found = rated(run, "character")
    assert len(found.rows) == 12 and any("newer ones have replaced" in one for one in found.caveats)


def pirate_run() -> Run:
    settings = load_settings()
    return with_trial(open_run(settings, Library(settings).load("pirate").constitution))


def told(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(
        character, ["rate", "--constitution", "pirate", *words], standalone_mode=False
    )
    assert isinstance(done.exception, SystemExit) or done.exit_code == 0, done.exception
    return json.loads(done.output.splitlines()[-1])


def test_the_verb_tells_of_the_votes_so_far() -> None:
    run = pirate_run()
    assert told("--json")["headline"] == "Nobody has rated a pair yet."
    assert latest(run, "rate") is None
    voted(run)
    found = told("--json")
    # One of the forty cards was a pair that had been seen before.
    assert "100 % of 39 votes" in found["headline"] and (found["planned"], found["done"]) == (60, 39)
    assert latest(run, "rate") is not None


def test_exported_votes_cannot_act_in_a_spreadsheet(tmp_path: Path) -> None:
    run = pirate_run()
    voted(run, 9)
    cast_vote(run, vote_on(deck(material_of(run).duels, "@SUM(A1)")[0], "answer", "@SUM(A1)", "left"))
    path = tmp_path / "votes.csv"
    told("--export", str(path), "--json")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10 == export_votes(run, path)
    cells = [value for row in rows for value in row.values()]
    assert not [value for value in cells if value.startswith(("=", "@", "+", "-"))]
    assert any(value.startswith("'=Arr") for value in cells)


def test_the_verb_offers_every_question_there_is() -> None:
    assert tuple(QUESTIONS) == OFFERED

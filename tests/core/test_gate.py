"""What people's votes say of a judge, and when it may headline."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from core.evaluation.ratings import Vote, calibrated, duel_id
from core.evaluation.results import Cell, EvalResult
from core.settings import Settings
from core.stages.evals.gate import human_gate, present, present_judge
from core.stages.evals.keeping import keep
from core.store.jsonl import append_rows
from core.store.runs import Run, open_run
from tests.core.character_kit import a_character

JUDGE = "fake/judge"
WORDS = ("win", "tie", "loss")
CHOICE = {"win": "left", "tie": "both good", "loss": "right"}


def agreed(size: int, share: float, seed: int = 1) -> list[tuple[str, str]]:
    """Pairs of words (human, judge) that agree in a share of pairs; else the judge's word is drawn."""
    chance = random.Random(seed)
    found: list[tuple[str, str]] = []
    for number in range(size):
        human = WORDS[number % 3]
        found.append((human, human if chance.random() < share else chance.choice(WORDS)))
    return found


def judged_run(
    settings: Settings, words: list[tuple[str, str]], judge: str = JUDGE, prompts: int = 10_000
) -> Run:
    """A run with a coherence result and one vote on each of its pairs, which answer so many prompts."""
    run = open_run(settings, a_character())
    rows: list[dict[str, Any]] = []
    votes: list[dict[str, Any]] = []
    for number, (human, said) in enumerate(words):
        asked, text, other = f"Question {number}?", f"Arr {number}", f"Plain {number}"
        rows.append(
            {
                "prompt": f"p{number}",
                "asked": asked,
                "text": text,
                "other": other,
                "group": "trait strength",
            }
            | {"speaker": "tuned", "versus": "base", "outcome": said, "verdicts": [said, said]}
        )
        votes.append(
            Vote(
                duel_id(asked, text, other),
                f"p{number % prompts}",
                "character",
                "Ann",
                0,
                "tuned",
                "base",
                "tuned",
                CHOICE[human],  # type: ignore[arg-type]
            ).as_dict()
        )
    result = EvalResult("coherence", "pirate", run.id, rows=rows)
    result.judge = {"model": judge, "gate": "unmeasured"}
    keep(run, result)
    append_rows(run.folder / "ratings" / "votes.jsonl", votes)
    return run


def test_before_any_vote_there_is_no_gate(settings: Settings) -> None:
    assert human_gate(open_run(settings, a_character()), JUDGE) is None


@pytest.mark.parametrize(
    ("share", "size", "gate"),
    [(0.97, 120, "pass"), (0.5, 300, "caution"), (0.1, 120, "block"), (0.97, 29, "too few")],
)
def test_the_gate_opens_with_agreement(settings: Settings, share: float, size: int, gate: str) -> None:
    found = human_gate(judged_run(settings, agreed(size, share)), JUDGE)
    assert found is not None and found["gate"] == gate
    assert found["n"] == size and JUDGE in found["sentence"]
    assert found["low"] <= found["kappa"] <= found["high"]


def test_kappa_is_that_of_the_model_that_made_the_words(settings: Settings) -> None:
    # A judge that repeats the person's word with this chance and else draws one has this kappa.
    found = human_gate(judged_run(settings, agreed(900, 0.7)), JUDGE)
    assert found is not None and abs(found["kappa"] - 0.7) < 0.05
    assert found["low"] < 0.7 < found["high"]


def test_pairs_of_few_prompts_open_the_gate_only_where_their_interval_is_narrow(settings: Settings) -> None:
    found = human_gate(judged_run(settings, agreed(60, 0.97), prompts=20), JUDGE)
    assert found is not None and (found["n"], found["prompts"], found["gate"]) == (60, 20, "pass")


def test_four_prompts_are_too_few_whatever_the_number_of_pairs(settings: Settings) -> None:
    found = human_gate(judged_run(settings, agreed(60, 0.6), prompts=4), JUDGE)
    assert found is not None and (found["n"], found["gate"]) == (60, "too few")
    assert "4 prompts" in found["sentence"]


def test_another_judge_is_not_known_by_these_votes(settings: Settings) -> None:
    found = human_gate(judged_run(settings, agreed(40, 1.0)), "other/judge")
    assert found is not None
    assert (found["gate"], found["kappa"], found["n"]) == ("too few", None, 0)


def test_a_judge_and_a_rater_of_one_word_show_no_agreement(settings: Settings) -> None:
    found = human_gate(judged_run(settings, [("win", "win")] * 40), JUDGE)
    assert found is not None
    assert (found["gate"], found["kappa"]) == ("too few", None)
    assert "one and the same word" in found["sentence"]


def test_skips_repeats_and_what_was_undone_count_for_nothing(tmp_path: Path, settings: Settings) -> None:
    run = judged_run(settings, agreed(60, 1.0))
    rows = [
        Vote("nowhere", "p0", "character", "Ann", 0, "tuned", "base", "tuned", "skipped").as_dict(),
        Vote("nowhere", "p0", "character", "Ann", 1, "tuned", "base", "tuned", "left").as_dict(),
        Vote(
            duel_id("Question 0?", "Arr 0", "Plain 0"),
            *("p0", "character", "Ann", 0, "tuned", "base", "tuned", "undone"),  # type: ignore[arg-type]
        ).as_dict(),
    ]
    append_rows(run.folder / "ratings" / "votes.jsonl", rows)
    found = human_gate(run, JUDGE)
    assert found is not None and found["n"] == 59


def test_nothing_rated_and_judged_is_no_figure() -> None:
    told = calibrated([], []).as_dict()
    assert (told["kappa"], told["n"], told["gate"]) == (None, 0, "too few")


def test_votes_that_came_later_change_what_a_result_says_of_its_judge(settings: Settings) -> None:
    run = judged_run(settings, agreed(120, 0.05))
    before = {"model": JUDGE, "gate": "pass", "sentence": "It finds its own position bias small."}
    now = present_judge(run, before)
    assert now["gate"] == "block" and "own position bias" in now["sentence"]
    assert now["sentence"].startswith(f"{JUDGE} agrees with people hardly more")
    assert present_judge(run, now) == now


def test_a_headline_follows_the_votes_in_either_direction(settings: Settings) -> None:
    rate = Cell("win rate", 0.9, 0.8, 0.95, 40, "share", "trait strength", "tuned", "base")
    coherence = EvalResult("coherence", "pirate", "run", "Pirate wins.", [rate])
    preferences = EvalResult("preferences", "pirate", "run", "More bold.", details={"found": "More bold."})
    known = {"model": JUDGE, "family_warning": None, "sentence": "Measured.", "by": "text"}
    for gate, share in (("pass", 0.05), ("block", 0.95)):
        coherence.judge = preferences.judge = known | {"gate": gate}
        run = judged_run(settings, agreed(120, share))
        now, then = present(run, coherence), present(run, preferences)
        assert ("90 %" in now.headline, now.headline.startswith("No verdict")) == (share > 0.5, share < 0.5)
        assert (then.headline == "More bold.") is (share > 0.5)
        (run.folder / "ratings" / "votes.jsonl").unlink()


def test_too_few_votes_leave_a_judge_as_it_was_measured(settings: Settings) -> None:
    run = judged_run(settings, agreed(8, 1.0))
    now = present_judge(run, {"model": JUDGE, "gate": "caution", "sentence": "Measured."})
    assert now["gate"] == "caution" and now["sentence"].startswith("Measured. Too few")
    assert present_judge(run, now) == now


def test_without_votes_a_judge_stays_what_it_was(settings: Settings) -> None:
    before = {"model": JUDGE, "gate": "pass", "sentence": "Measured."}
    assert present_judge(open_run(settings, a_character()), before) == before

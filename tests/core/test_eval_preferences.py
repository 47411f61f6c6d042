"""Preferences that are known beforehand are found again, and nothing is found where nothing moved."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.engines.fake import FakeEngine
from core.errors import EngineError, SettingsError
from core.evaluation.preference_telling import SELF_REPORT, Telling, headline
from core.evaluation.results import EvalResult
from core.evaluation.stats.bradley_terry import ELO
from core.evaluation.stats.ranks import rank_correlation
from core.spending import Ledger
from core.stages.evals.keeping import keep
from core.stages.evals.preferences import evaluate_preferences
from core.stages.evals.session import Session
from core.store.price_table import PriceTable
from tests.core.preference_kit import (
    WORDS,
    Player,
    Reader,
    a_job,
    a_judge,
    a_session,
    speakers,
)

BEFORE = {word: (place - 5.5) / 5 for place, word in enumerate(WORDS)}
# Bold rises by 1.2 logits, formal falls by 1.2; the other ten stay.
AFTER = BEFORE | {"bold": BEFORE["bold"] + 1.2, "formal": BEFORE["formal"] - 1.2}


def measured(
    session: Session,
    base: FakeEngine,
    tuned: FakeEngine | None = None,
    judge: FakeEngine | None = None,
    **changes: Any,
) -> EvalResult:
    job = a_job(**changes)
    asked = a_judge(judge) if job.judge else None
    return asyncio.run(evaluate_preferences(job, session, speakers=speakers(base, tuned), judge=asked))


def values(result: EvalResult, measure: str, speaker: str, versus: str | None = None) -> dict[str, float]:
    return {cell.group: cell.value or 0.0 for cell in result.find(measure, speaker=speaker, versus=versus)}


def moved(result: EvalResult) -> set[str]:
    return {row["word"] for row in result.details["ranking"] if row["marked"]}


def test_known_strengths_and_shifts_are_recovered_through_answers_and_verdicts(tmp_path: Path) -> None:
    base, tuned = Player("parrot", strengths=BEFORE), Player("other", strengths=AFTER)
    result = measured(a_session(tmp_path), base, tuned, count=1200)
    found = values(result, "strength", "base")
    assert rank_correlation(*(_array([side[word] for word in WORDS]) for side in (found, BEFORE))) > 0.9
    assert {"bold", "formal"} <= moved(result) and len(moved(result)) <= 3
    bold = result.find("shift", group="bold", versus="base")[0]
    assert bold.low is not None and bold.high is not None
    assert bold.low <= 1.2 * ELO <= bold.high
    assert result.details["found"].startswith("More bold, less formal; 2 of 12 traits moved")
    assert "1200 comparisons each over 110 prompts" in result.details["found"]


def _array(values: list[float]) -> Any:
    import numpy as np

    return np.array(values)


def test_two_models_alike_show_no_shift_beyond_chance(tmp_path: Path) -> None:
    base, tuned = Player("parrot", strengths=BEFORE), Player("other", strengths=BEFORE, luck="another")
    result = measured(a_session(tmp_path), base, tuned)
    assert not moved(result)
    found = result.details["found"]
    assert found.startswith("No trait moved more than chance allows (12 traits, 600 comparisons")
    assert "would have shown" in found
    assert result.details["agreement"]["tuned"]["without_noise"] > 0.8


def test_the_same_luck_gives_the_same_choices_so_nothing_moves_at_all(tmp_path: Path) -> None:
    result = measured(
        a_session(tmp_path),
        Player("parrot", strengths=BEFORE),
        Player("other", strengths=BEFORE),
        count=200,
    )
    assert set(values(result, "shift", "tuned", "base").values()) == {0.0}


def test_base_and_tuned_are_asked_about_the_same_prompts_pairs_and_seeds(tmp_path: Path) -> None:
    base, tuned = Player("parrot"), Player("other")
    measured(a_session(tmp_path), base, tuned, count=130)
    asked = [{(call.messages, call.sampling) for call in one.history} for one in (base, tuned)]
    assert asked[0] == asked[1] and len(asked[0]) == 130
    assert len({call.sampling.seed for call in base.history}) == 130


def test_the_advantage_of_being_offered_first_is_measured_and_kept_out_of_the_strengths(
    tmp_path: Path,
) -> None:
    result = measured(a_session(tmp_path), Player("parrot", strengths=BEFORE, first=1.0), count=1200)
    position = result.find("position", speaker="base")[0]
    assert position.low is not None and position.high is not None
    assert position.low <= ELO <= position.high and position.low > 0
    found = values(result, "strength", "base")
    assert rank_correlation(*(_array([side[word] for word in WORDS]) for side in (found, BEFORE))) > 0.85


def test_a_judge_that_goes_by_position_makes_ties_not_winners(tmp_path: Path) -> None:
    result = measured(a_session(tmp_path), Player("parrot"), judge=Reader("judge", lazy=1.0), count=120)
    ties = result.details["ties"]["base"]
    assert (ties["flips"], ties["ties"], ties["unscored"]) == (120, 120, 0)
    assert set(values(result, "strength", "base").values()) == {0.0}
    assert any("it guesses" in caveat for caveat in result.caveats)


def test_a_judge_with_some_bias_ties_and_doubts_still_finds_what_moved(tmp_path: Path) -> None:
    base, tuned = Player("parrot", strengths=BEFORE), Player("other", strengths=AFTER)
    judge = Reader("judge", lazy=0.15, torn=0.05, blind=0.05, mute=0.03)
    result = measured(a_session(tmp_path), base, tuned, judge, count=1500)
    assert {"bold", "formal"} <= moved(result) and len(moved(result)) <= 3
    ties = result.details["ties"]["tuned"]
    assert ties["flips"] > 0 and ties["unscored"] > 0
    assert ties["unscored"] == ties["why: no verdict"]
    assert result.find("unscored", speaker="tuned")[0].value == pytest.approx(
        ties["unscored"] / 1500, rel=0.1
    )


def test_neither_in_both_orders_is_a_tie_and_no_word_is_picked(tmp_path: Path) -> None:
    result = measured(a_session(tmp_path), Player("parrot"), judge=Reader("judge", blind=1.0), count=60)
    assert {(row["outcome"], row["why"], row["picked"], row["group"]) for row in result.rows} == {
        (0.5, "neither", None, "")
    }


def test_what_is_known_of_the_judge_stands_in_the_result(tmp_path: Path) -> None:
    result = measured(a_session(tmp_path), Player("parrot"), count=60)
    assert result.judge is not None
    assert result.judge["model"] == "fake/judge" and result.judge["gate"] == "unmeasured"
    assert any(caveat.startswith("fake/judge judged. ") for caveat in result.caveats)


def test_a_judge_that_failed_its_test_claims_nothing(tmp_path: Path) -> None:
    result = measured(a_session(tmp_path), Player("parrot"), count=120)
    assert result.headline.startswith("Nothing is claimed, because the judge was not tested")
    empty = Telling("pirate", "judge", "feel", WORDS, (), {}, {}, {})
    blocked = {"gate": "block", "sentence": "It names the better answer no more often than a coin."}
    assert headline(empty, blocked).startswith(
        "Nothing is claimed, because the judge did not pass its test"
    )
    assert "coin" in headline(empty, blocked)


# ---- asking the model itself, by letter


def test_by_letter_known_shifts_are_found_whatever_the_letters_pull(tmp_path: Path) -> None:
    base = Player("parrot", strengths=BEFORE, letter=2.5)
    tuned = Player("other", strengths=AFTER, letter=3.5)
    result = measured(a_session(tmp_path), base, tuned, judged=False, count=200)
    shift = values(result, "shift", "tuned", "base")
    assert shift["bold"] == pytest.approx(1.2 * ELO, abs=1)
    assert shift["formal"] == pytest.approx(-1.2 * ELO, abs=1)
    assert shift["calm"] == pytest.approx(0.0, abs=1)
    assert result.find("position", speaker="base")[0].value == pytest.approx(2.5 * ELO, abs=2)
    assert base.requests == tuned.requests <= 400
    assert result.caveats[0] == SELF_REPORT
    assert result.headline.startswith("By its own account, which is no behaviour, more bold, less formal")


def test_a_change_that_nobody_would_notice_is_called_small(tmp_path: Path) -> None:
    base, tuned = Player("parrot"), Player("other", strengths={"bold": 0.05})
    result = measured(a_session(tmp_path), base, tuned, judged=False, count=200)
    assert "bold" in moved(result) and "slightly more bold" in result.headline
    assert any("turns 50 choices in 100 into 51" in caveat for caveat in result.caveats)


def test_a_model_that_tells_no_probabilities_cannot_be_asked_by_letter(tmp_path: Path) -> None:
    job, session = a_job(judged=False), a_session(tmp_path)
    mute = speakers(Player("parrot"))
    silent = [type(mute[0])("base", _named("openrouter/some/model"), mute[0].engine)]
    with pytest.raises(SettingsError, match=r"tell the probabilities .* --judge MODEL"):
        asyncio.run(evaluate_preferences(job, session, speakers=silent))


def _named(name: str) -> Any:
    from core.names import parse_model

    return parse_model(name)


# ---- breaking off


def test_a_killed_run_goes_on_and_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    dying = Player("parrot", strengths=BEFORE, fails_after=50)
    with pytest.raises(EngineError):
        measured(a_session(tmp_path), dying, Player("other"), count=130)
    base, tuned, judge = Player("parrot", strengths=BEFORE), Player("other"), Reader("judge")
    result = measured(a_session(tmp_path), base, tuned, judge, count=130)
    done = 130 - base.requests
    assert 40 <= done <= 50 and tuned.requests == 130 and judge.requests <= 520
    again = Player("parrot"), Player("other"), Reader("judge")
    same = measured(a_session(tmp_path), *again, count=130)
    assert [one.requests for one in again] == [0, 0, 0]
    assert same.as_dict() == result.as_dict()


def test_more_comparisons_begin_with_those_that_are_there(tmp_path: Path) -> None:
    measured(a_session(tmp_path), Player("parrot"), count=100)
    more = Player("parrot")
    measured(a_session(tmp_path), more, count=250)
    assert more.requests == 150


def test_a_spent_budget_ranks_only_what_everybody_answered_and_says_what_is_missing(
    tmp_path: Path,
) -> None:
    session = a_session(tmp_path)
    for name in ("fake/parrot", "fake/other", "fake/judge"):
        PriceTable(session.settings).set_own(name, 0.0, 100.0)
    session.ledger = Ledger(0.5)
    result = measured(session, Player("parrot"), Player("other"), count=130)
    assert session.missing["budget"] > 0
    assert len(result.rows) == 260
    assert result.details["ties"]["tuned"]["unscored"] > 0
    assert not result.details["enough"]
    assert "Too little data" in result.headline or "Nothing to rank" in result.headline


# ---- too little, and what is said of it


def test_too_few_comparisons_are_said_plainly_and_nothing_is_marked(tmp_path: Path) -> None:
    base, tuned = Player("parrot", strengths=BEFORE), Player("other", strengths=AFTER)
    result = measured(a_session(tmp_path), base, tuned, count=30)
    assert result.headline.startswith("Too little data to rank 12 traits: ")
    assert "8 are the least" in result.headline and "--N" in result.headline
    assert {cell.marked for cell in result.find("shift", versus="base")} == {None}


def test_a_word_marked_before_looking_is_tested_apart_from_the_others(tmp_path: Path) -> None:
    base, tuned = Player("parrot", strengths=BEFORE), Player("other", strengths=AFTER)
    result = measured(a_session(tmp_path), base, tuned, count=600, targets=("Bold",))
    targets = [row for row in result.details["ranking"] if row["target"]]
    assert [(row["word"], row["marked"]) for row in targets] == [("bold", True)]
    assert any(caveat.startswith("Marked before looking: bold") for caveat in result.caveats)


def test_a_lone_model_is_ranked_without_shifts(tmp_path: Path) -> None:
    result = measured(a_session(tmp_path), Player("parrot", strengths=BEFORE), count=600)
    assert not result.find("shift", versus="base")
    assert (
        result.details["found"].startswith("base: most ") and result.details["ranking"][0]["shift"] is None
    )


def test_every_number_comes_with_its_prompts_and_an_interval_or_the_reason_for_none(tmp_path: Path) -> None:
    base, tuned = Player("parrot", strengths=BEFORE), Player("other", strengths=AFTER)
    result = measured(a_session(tmp_path), base, tuned, count=400)
    for cell in result.cells:
        assert cell.n > 0, cell
        assert cell.note or (cell.low is not None and cell.high is not None), cell


def test_rows_show_what_was_offered_what_was_said_and_what_was_taken(tmp_path: Path) -> None:
    result = measured(a_session(tmp_path), Player("parrot", strengths=BEFORE), count=60)
    for row in result.rows:
        assert row["picked"] in (row["first"], row["second"]) and row["group"] == row["picked"]
        assert f"in a {row['picked']} way" in row["text"] and row["asked"] and row["score"] is None
        assert row["verdicts"] == [row["picked"]] * 2


# ---- two models side by side


def test_two_results_are_laid_side_by_side_with_what_noise_allows(tmp_path: Path) -> None:
    other = a_session(tmp_path)
    keep(other.run, measured(other, Player("parrot", strengths=BEFORE), count=600))  # type: ignore[arg-type]
    assert other.run is not None
    result = measured(
        a_session(tmp_path), Player("other", strengths=BEFORE, luck="another"), compare=other.run.id
    )
    told = result.details["compared"]
    assert told["n"] == 12 and told["value"] > 0.7 and told["low"] <= told["value"] <= told["high"]
    assert "noise alone caps it at" in told["sentence"]
    assert result.find("agreement", versus=other.run.id)[0].value == told["value"]

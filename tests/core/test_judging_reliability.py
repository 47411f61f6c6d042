"""A judge is measured on pairs whose answer is known; whatever bias it has is said beside its figures."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SettingsError
from core.evaluation.judging import ONE, OTHER, TIE, Verdict
from core.evaluation.judging_family import family_warning
from core.evaluation.judging_orders import combine, first_shown_share
from core.evaluation.judging_reliability import Known, gate_of, probes_of, reliability, reliability_sentence
from core.names import ModelName, parse_model
from core.records import content_hash
from core.spending import Ledger
from core.stages.evals.judging import checked_by, size_verdicts
from core.stages.evals.reliability import judge_record, known_pairs, size_judge, teachers_of
from core.stages.evals.session import Session, Speaker
from core.store.price_table import PriceTable
from tests.core.eval_kit import VOICE, Voiced, pirate_session, taught
from tests.core.judge_kit import RuleJudge, always_first, hears_the_voice, judge, longer_wins


def record_of(now: Session, who: Speaker, **options: Any) -> dict[str, Any]:
    return asyncio.run(judge_record(now, who, **options))


@pytest.fixture(scope="module")
def pirate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("taught")
    taught(data)
    return data


def again(data: Path) -> Session:
    return pirate_session(data)


# ---- both orders


def word(choice: str | None) -> Verdict:
    return Verdict(choice, reason="" if choice else "no verdict")


@pytest.mark.parametrize(
    ("first", "second", "score", "outcome", "flip"),
    [
        (ONE, ONE, 1.0, "win", False),
        (OTHER, OTHER, 0.0, "loss", False),
        (ONE, OTHER, 0.5, "tie", True),
        (OTHER, ONE, 0.5, "tie", True),
        (TIE, TIE, 0.5, "tie", False),
        (TIE, ONE, 0.75, "win", False),
        (OTHER, TIE, 0.25, "loss", False),
        (None, ONE, None, "unscored", False),
    ],
)
def test_two_orders_make_one_score(
    first: str | None, second: str | None, score: float | None, outcome: str, flip: bool
) -> None:
    both = combine(word(first), word(second))
    assert (both.score, both.outcome, both.flip) == (score, outcome, flip)
    assert bool(both.reason) is (score is None)


def test_by_probability_a_lean_to_a_place_cancels() -> None:
    # It gives the first place 0.9 and 0.8: it prefers "one" a little wherever it stands.
    both = combine(Verdict(ONE, 0.9, of=ONE), Verdict(OTHER, 0.8, of=OTHER))
    assert both.probability == pytest.approx(0.55) and both.score == 1.0 and both.flip
    level = combine(Verdict(ONE, 0.9, of=ONE), Verdict(OTHER, 0.9, of=OTHER))
    assert level.score == 0.5


@given(st.lists(st.sampled_from([ONE, OTHER, TIE, None]), min_size=2, max_size=2))
def test_the_other_answers_score_is_what_is_left(choices: list[str | None]) -> None:
    swap = {ONE: OTHER, OTHER: ONE, TIE: TIE, None: None}
    mine = combine(word(choices[0]), word(choices[1])).score
    theirs = combine(word(swap[choices[1]]), word(swap[choices[0]])).score
    assert (mine is None) == (theirs is None) and (mine is None or mine + (theirs or 0.0) == 1)


def test_choices_of_the_first_shown_are_counted_over_both_orders() -> None:
    pairs = [combine(word(ONE), word(OTHER))] * 20
    share = first_shown_share(pairs, list(range(20)))
    assert share.value == 1.0 and share.low > 0.8


# ---- measured on a character


@pytest.mark.parametrize("by", ["text", "logprob"])
def test_a_judge_that_is_right_passes(pirate: Path, by: Any) -> None:
    record = record_of(again(pirate), judge(), by=by)
    assert record["gate"] == "pass" and record["reliability"]["accuracy"]["value"] == 1.0
    assert record["reliability"]["leans"] == [] and record["family_warning"] is None
    assert "got 100 % right" in record["sentence"] and "may headline" in record["sentence"]


def test_a_judge_that_picks_what_stands_first_is_told_and_blocked(pirate: Path) -> None:
    record = record_of(again(pirate), judge(always_first))
    assert record["gate"] == "block"
    assert "picks the answer shown first in 100 % of its choices" in record["sentence"]
    assert record["reliability"]["consistency"]["value"] == 0.0
    assert "may not headline" in record["sentence"]


def test_a_judge_that_picks_the_longer_is_told(pirate: Path) -> None:
    record = record_of(again(pirate), judge(longer_wins))
    assert "prefers the same text said twice in 100 % of pairs" in record["sentence"]
    assert record["gate"] != "pass"
    assert record["reliability"]["first_shown"]["value"] == pytest.approx(0.5)


def test_length_is_told_from_being_right() -> None:
    """A good judge of pairs whose right answers are mostly longer has no lean to length."""
    known = [
        Known(f"p{n}", "q", "right" * (9 if n % 3 else 1), "wrong" * (1 if n % 3 else 9)) for n in range(40)
    ]
    probes = probes_of(known, traits="", by="text")

    def told(rule: Any) -> dict[str, Any]:
        return reliability(
            probes, [rule(probe, order) for probe in probes for order in probe.orders], "text"
        )

    good = told(lambda probe, order: Verdict(TIE if probe.kind in ("twice", "same") else ONE))
    assert good["longer"]["value"] == pytest.approx(0.5) and good["leans"] == []
    long = told(
        lambda probe, order: Verdict(ONE if len(probe.known.shows) > len(probe.known.plain) else OTHER)
    )
    assert "prefers the longer answer in 100 % of pairs" in long["leans"]
    assert good["ties_on_same"] == [10, 10] and good["retest"] == [2, 2]


def test_a_judge_that_tosses_a_coin_is_blocked(pirate: Path) -> None:
    def coin(one: str, other: str) -> str:
        return random.Random(content_hash([one, other])).choice("AB")

    record = record_of(again(pirate), judge(coin))
    assert record["gate"] == "block" and "no better than a coin" in record["sentence"]


def test_a_judge_that_cannot_be_read_is_blocked_and_counted(pirate: Path) -> None:
    def chatty(one: str, other: str) -> str:
        return "A, or perhaps B"

    record = record_of(again(pirate), judge(chatty))
    unread, of = record["reliability"]["unscored"]
    assert record["gate"] == "block" and unread == of > 0
    assert f"{of} of its {of} verdicts" in record["sentence"]


def test_without_pairs_nothing_is_claimed_and_nothing_asked(tmp_path: Path) -> None:
    now, who = pirate_session(tmp_path), judge()
    record = record_of(now, who)
    assert (record["reliability"], record["gate"], now.requests) == (None, "unmeasured", 0)
    assert "not known" in record["sentence"]


def test_a_record_is_kept_for_the_judge_and_asked_for_only_once(pirate: Path) -> None:
    who = judge(hears_the_voice, "kept-judge")
    first = record_of(again(pirate), who)
    later = again(pirate)
    assert record_of(later, who) == first and later.requests == 0
    assert later.run is not None
    kept = json.loads((later.run.folder / "evals" / "judges" / "kept-judge.json").read_text())
    assert kept["reliability"] == first["reliability"]


def test_a_cut_measurement_is_completed_by_asking_only_the_rest(pirate: Path) -> None:
    now, who = again(pirate), judge(hears_the_voice, "dear-judge")
    PriceTable(now.settings).set_own("fake/dear-judge", 0.0, 2.0)
    whole = size_judge(now, who)
    now.ledger = Ledger(0.05)
    record_of(now, who)
    asked = now.requests
    assert 0 < asked < whole.calls and "budget" in now.missing
    later = again(pirate)
    record = record_of(later, who)
    assert asked + later.requests == whole.calls and later.missing == {}
    assert record["reliability"]["accuracy"]["value"] == 1.0


def test_sizing_a_judge_sends_nothing_and_knows_what_is_there(pirate: Path) -> None:
    who = judge(hears_the_voice, "sized-judge")
    before = size_judge(again(pirate), who)
    record_of(again(pirate), who)
    after = size_judge(again(pirate), who)
    assert before.calls == before.planned == after.there > 0 == after.calls
    assert size_verdicts(again(pirate), who, 10, 2000).planned == 10


def test_known_pairs_are_the_teachers_and_a_plain_students(pirate: Path) -> None:
    pairs = known_pairs(again(pirate), 40)
    assert len(pairs) == 24 and len({pair.prompt for pair in pairs}) == 24
    assert all(VOICE in pair.shows and VOICE not in pair.plain for pair in pairs)


# ---- family


def test_a_judge_of_the_teachers_family_is_never_silent(tmp_path: Path) -> None:
    now = taught(tmp_path, teacher=Voiced("llama-3.3-70b"), student=Voiced("parrot", 0.0))
    assert [one.model for one in teachers_of(now.run)] == ["llama-3.3-70b"]
    record = record_of(now, judge(hears_the_voice, "llama-4-judge"))
    assert "same family as the teacher (Llama)" in record["family_warning"]
    assert record["gate"] == "caution"
    own = record_of(pirate_session(tmp_path), judge(hears_the_voice, "llama-3.3-70b"))
    assert "the judge is the teacher itself" in own["family_warning"].casefold()


def test_the_tuned_models_family_is_warned_of_and_strangers_are_not() -> None:
    judge_model, qwen = parse_model("openrouter/qwen/qwen3-32b"), ModelName("local", "qwen-2.5-7b-it")
    assert "model that was trained (Qwen)" in (family_warning(judge_model, [], [qwen]) or "")
    assert family_warning(judge_model, [ModelName("local", "smollm2-135m")], []) is None
    assert family_warning(ModelName("vllm", "acme"), [ModelName("vllm", "other")], []) is None


# ---- how verdicts are given


def test_probabilities_are_the_default_here_and_refused_where_they_are_not_told() -> None:
    assert checked_by(None, parse_model("local/smollm2-135m")) == "logprob"
    assert checked_by(None, parse_model("openrouter/acme/judge")) == "text"
    with pytest.raises(SettingsError, match="--by text"):
        checked_by("logprob", parse_model("openrouter/acme/judge"))


def test_the_gate_needs_enough_pairs() -> None:
    assert gate_of(None) == "unmeasured" and "none to measure on" in reliability_sentence(None)


def test_a_judges_rule_is_read_off_the_request_itself(pirate: Path) -> None:
    """The kit's judge sees only what any judge sees: no speaker, no label."""
    engine = RuleJudge()
    record_of(again(pirate), Speaker("judge", ModelName("fake", "judge2"), engine))  # type: ignore[arg-type]
    sent = "\n".join(message.content for call in engine.inner.history for message in call.messages)
    assert sent and not {"parrot", "chosen", "rejected", "tuned"} & set(sent.casefold().split())


def test_a_judge_whose_verdicts_often_cannot_be_read_is_no_judge_to_headline() -> None:
    sure = {"value": 0.95, "low": 0.8, "high": 0.99, "n": 20}
    figures = {"pairs": 24, "accuracy": sure, "leans": [], "unscored": [2, 60]}
    assert gate_of(figures) == "pass"
    assert gate_of(figures | {"unscored": [30, 60]}) == "caution"

"""Evaluations ask like generation: every answer once, kept, shared, and counted when it is missing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.cli import character
from core.engines.fake import FakeEngine
from core.errors import EngineError, SettingsError
from core.evaluation.results import Cell, EvalResult, in_order, with_interval
from core.names import ModelName
from core.records import Message, Sampling
from core.settings import load_settings
from core.spending import Ledger
from core.stages.evals.keeping import keep, latest
from core.stages.evals.session import Ask, Session, Speaker
from core.stages.evals.speakers import Cast, labelled, speakers_of
from core.store.library import Library
from core.store.price_table import PriceTable
from core.store.runs import open_run
from tests.core.eval_kit import taught

SAMPLING = Sampling(max_tokens=40, seed=1)


def session(data: Path) -> Session:
    settings = load_settings(data=data)
    pirate = Library(settings).load("pirate").constitution
    return Session(pirate, settings, open_run(settings, pirate))


def speaker(engine: FakeEngine, label: str = "base", *opening: Message) -> Speaker:
    return Speaker(label, ModelName("fake", engine.model), engine, opening)


def asks(count: int, **tag: Any) -> list[Ask]:
    return [
        Ask(
            {"prompt": f"p{number}", **tag},
            (Message("user", f"Question {number} about the sea?"),),
            SAMPLING,
        )
        for number in range(count)
    ]


def said(one: Session, who: Speaker, wanted: list[Ask], **options: Any) -> list[Any]:
    return asyncio.run(one.answers(who, wanted, **options))


def test_answers_come_in_the_order_of_the_asks_and_are_asked_once(tmp_path: Path) -> None:
    engine, now = FakeEngine(), session(tmp_path)
    first = said(now, speaker(engine), asks(5))
    again = said(session(tmp_path), speaker(engine), asks(5))
    assert [row["prompt"] for row in first] == [f"p{number}" for number in range(5)]
    assert [row["text"] for row in first] == [row["text"] for row in again]
    assert engine.requests == 5 == now.requests


def test_two_evaluations_share_an_answer_each_under_its_own_tag(tmp_path: Path) -> None:
    engine, now = FakeEngine(), session(tmp_path)
    said(now, speaker(engine), asks(2, variant="default"))
    rows = said(now, speaker(engine), asks(3, trait="voice"))
    assert engine.requests == 3
    assert [row["trait"] for row in rows] == ["voice"] * 3


def test_what_failed_comes_back_as_none_is_counted_and_asked_again(tmp_path: Path) -> None:
    broken = FakeEngine(script=[EngineError("no", kind="bad_request", status=400)])
    now = session(tmp_path)
    rows = said(now, speaker(broken), asks(3))
    assert [row is None for row in rows] == [True, False, False]
    assert now.missing == {"bad_request": 1}
    later = session(tmp_path)
    assert all(said(later, speaker(FakeEngine()), asks(3))) and later.missing == {}


def test_a_speaker_under_a_system_prompt_is_somebody_else(tmp_path: Path) -> None:
    engine, now = FakeEngine(), session(tmp_path)
    said(now, speaker(engine), asks(1))
    said(now, speaker(engine, "system prompt", Message("system", "You are a pirate.")), asks(1))
    assert [len(call.messages) for call in engine.history] == [1, 2]
    assert len(list((tmp_path / "runs").glob("*/eval-answers/*"))) == 2


def test_sizing_sends_nothing_and_sees_what_is_there(tmp_path: Path) -> None:
    engine, now = FakeEngine(), session(tmp_path)
    said(now, speaker(engine), asks(2))
    side = now.size(speaker(engine), asks(5))
    assert (side.planned, side.there, side.calls, engine.requests) == (5, 2, 3, 2)


def test_a_spent_budget_leaves_rows_out_and_says_so(tmp_path: Path) -> None:
    now = session(tmp_path)
    PriceTable(now.settings).set_own("fake/parrot", 0.0, 1000.0)
    now.ledger = Ledger(0.1)
    rows = said(now, speaker(FakeEngine()), asks(9))
    assert any(row is None for row in rows) and "budget" in now.missing


def test_by_default_the_controls_stand_beside_the_tuned_model(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("CHARACTER_FAKE_ENGINE", "1")
    now = session(tmp_path)
    parrot, grown = ModelName("fake", "parrot"), ModelName("fake", "tuned-parrot")
    found = speakers_of(Cast(parrot, tuned=grown), now)
    assert [one.label for one in found] == ["base", "system prompt", "neutral", "tuned"]
    assert in_order(["tuned", "neutral", "base"]) == ["base", "neutral", "tuned"]
    assert found[1].opening[0].role == "system" and len(found[1].opening) > 1


def test_speakers_never_share_a_label_whatever_their_adapters_are_called() -> None:
    def labels(*names: str, strengths: tuple[float, ...] = (1.0,)) -> list[str]:
        return [label for label, _, _ in labelled(names, strengths)]

    assert labels("dpo/pirate") == ["tuned"]
    assert labels("dpo/pirate", "sft/pirate") == ["dpo", "sft"]
    assert labels("dpo/pirate", "dpo/sailor") == ["dpo/pirate", "dpo/sailor"]
    assert labels("/loras/one", "/loras/two") == ["one", "two"]
    # Named as a control, a tuned model would be counted among the controls.
    assert labels("neutral", "base") == ["tuned 1", "tuned 2"] == labels("/a/x", "/b/x")
    assert labels("dpo/pirate", "dpo/pirate", strengths=(0.5, 1.0, 0.5)) == ["tuned at 0.5", "tuned at 1"]


def test_a_wish_that_would_go_unheard_is_refused_before_anything_is_asked(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("CHARACTER_FAKE_ENGINE", "1")
    parrot, grown = ModelName("fake", "parrot"), ModelName("fake", "tuned-parrot")
    with pytest.raises(SettingsError) as refused:
        speakers_of(Cast(parrot, ("dpo/pirate",), (0.5, 1.0), grown), session(tmp_path))
    assert "--tuned and --adapter" in str(refused.value) and "--strength" in str(refused.value)


def test_a_result_is_read_back_as_it_was_kept(tmp_path: Path) -> None:
    now = session(tmp_path)
    assert now.run is not None
    cell = Cell("in character", 0.5, 0.2, 0.8, 20, "points", "v3", "tuned", "base", 0.01, True)
    rows = [{"prompt": "p", "text": "Arr"}]
    made = EvalResult("traits", "pirate", now.run.id, "It took hold.", [cell], rows)
    keep(now.run, made)
    read = latest(now.run, "traits")
    assert read is not None and read.cells == [cell] and read.rows[0]["text"] == "Arr"
    assert with_interval(cell) == "+50 points (20 to 80, 20 prompts)"
    assert with_interval(Cell("m", 0.5, 0, 1, 1)) == "50 % (0 to 100 %, 1 prompt)"


def test_of_all_characters_those_without_pairs_are_left_out_and_named(tmp_path: Path) -> None:
    taught(tmp_path)
    words = ["eval", "data", "--constitution", "all", "--json", "--data", str(tmp_path)]
    done = CliRunner().invoke(character, words)
    told = json.loads(done.stdout.splitlines()[-1])
    assert done.exit_code == 3 and told["status"] == "incomplete"
    assert [one["constitution"] for one in told["results"]] == ["pirate"] and "headline" not in told
    assert "sarcasm is left out: sarcasm has no pairs yet" in done.stderr


def test_a_number_that_json_has_no_word_for_is_kept_as_unknown(tmp_path: Path) -> None:
    now = session(tmp_path)
    assert now.run is not None
    endless = Cell("shift", float("nan"), float("-inf"), float("inf"), 1, "elo", "warm", "tuned", "base")
    path = keep(now.run, EvalResult("preferences", "pirate", now.run.id, cells=[endless]))
    assert "NaN" not in path.read_text() and "Infinity" not in path.read_text()
    read = latest(now.run, "preferences")
    assert read is not None and (read.cells[0].value, read.cells[0].low) == (None, None)

"""The switchboard: what is ticked is what is sent, and each sentence is held against pure chance."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.constitution import Constitution
from core.errors import SettingsError
from core.pairs import teacher_messages
from core.records import Message
from core.settings import PROJECT, Settings, load_settings
from core.store.library import Library
from core.store.switchboard import boards
from core.switchboard import (
    NO_EXCHANGES,
    Ticks,
    as_text,
    changed_share,
    chosen,
    conversation,
    design,
    effects_of,
    everything,
    exchange_id,
    from_text,
    ids_of,
    in_words,
    opening,
    subset,
    toggled,
    told,
    without,
)
from tests.stand_in import Reply, StandIn


def pirate() -> Constitution:
    return Library(load_settings()).load("pirate").constitution


PIRATE = pirate()


@given(some.sets(some.sampled_from(ids_of(PIRATE))))
def test_any_tick_set_survives_the_way_through_an_address(ids: set[str]) -> None:
    ticks = chosen(PIRATE, sorted(ids))
    assert from_text(PIRATE, as_text(PIRATE, ticks)) == ticks
    assert {*ticks.traits, *ticks.exchanges} == ids


@given(some.sets(some.sampled_from(ids_of(PIRATE)), min_size=1))
def test_what_is_sent_is_what_the_teachers_job_would_send_for_such_a_character(ids: set[str]) -> None:
    ticks = chosen(PIRATE, sorted(ids))
    turns = [Message("user", "What is tax?")]
    sent = conversation(PIRATE, ticks, turns, assistant_name="Sal")
    as_the_job = teacher_messages(subset(PIRATE, ticks), "What is tax?", assistant_name="Sal")
    assert sent == (as_the_job if ticks.traits else as_the_job[1:])


def test_with_nothing_on_the_plain_model_speaks() -> None:
    assert opening(PIRATE, Ticks(), "Sal") == ()
    assert in_words(PIRATE, Ticks()) == "nothing: the plain model"


def test_one_tick_changes_one_thing() -> None:
    off = toggled(PIRATE, everything(PIRATE), "voice", False)
    assert off == without(PIRATE, "voice")
    assert toggled(PIRATE, off, "voice", True) == everything(PIRATE)
    assert as_text(PIRATE, off) == "but:voice"
    assert in_words(PIRATE, off) == "9 of 10 sentences, all 3 exchanges"


def test_ids_that_are_gone_are_left_out_and_nonsense_is_explained() -> None:
    assert from_text(PIRATE, "but:voice,was-renamed") == without(PIRATE, "voice")
    with pytest.raises(SettingsError, match="all, none, but:ID"):
        from_text(PIRATE, "voice")


def test_the_design_leaves_out_each_sentence_once_and_the_exchanges_together() -> None:
    whole, *parts = design(PIRATE)
    assert whole.ticks == everything(PIRATE)
    assert [part.id for part in parts] == [*(trait.id for trait in PIRATE.traits), NO_EXCHANGES]
    for part in parts[:-1]:
        assert set(whole.ticks.traits) - set(part.ticks.traits) == {part.id}
    assert parts[-1].ticks.exchanges == () and parts[-1].ticks.traits == whole.ticks.traits


@given(some.text(), some.text())
def test_the_share_of_changed_words_is_a_share_and_the_same_both_ways(one: str, other: str) -> None:
    share = changed_share(one, other)
    assert 0 <= share <= 1
    assert changed_share(one, one) == 0


def test_a_sentence_counts_only_where_it_changes_more_than_chance_ever_did() -> None:
    whole = ["the sea is blue today", "the sea is grey today", "the sea is calm today"]
    answers = {"": whole, "voice": whole, "boldness": ["no", "nothing", "never"]}
    found = effects_of(PIRATE, answers, lambda text: "sea" in text)
    by_id = {effect.id: effect for effect in found.effects}
    assert found.effects[0].id == "boldness"
    assert by_id["boldness"].beyond_chance and not by_id["voice"].beyond_chance
    assert (found.voice, by_id["boldness"].voice) == (1.0, 0.0)
    assert found.chance.count == 3 and 0 < found.chance.mean < 1
    assert "1 sentence changed more" in told(found)


def test_without_a_second_seed_there_is_no_yardstick_and_no_finding() -> None:
    with pytest.raises(SettingsError, match="at least 2 times"):
        effects_of(PIRATE, {"": ["one"], "voice": ["two"]})


def test_the_board_is_read_back_as_it_was_left(settings: Settings) -> None:
    kept = boards(settings, "pirate")
    turn = kept.ask("What is tax?", 1, "local/smollm2-135m", "all", "but:voice")
    kept.answer(turn, "a", "Arr, a levy.")
    kept.answer(turn, "b", "A lev", "stopped")
    later = kept.ask("And rent?", 2, "local/smollm2-135m", "all", "none")
    board = kept.read()
    assert (board.a, board.b) == ("all", "none")
    assert board.turns[0].broken == {"a": "", "b": "stopped"}
    assert board.said("a", later) == [
        Message("user", "What is tax?"),
        Message("assistant", "Arr, a levy."),
        Message("user", "And rent?"),
    ]
    kept.begin_anew()
    assert kept.read().turns == [] and kept.read().b == "none"


def test_a_question_that_was_never_answered_is_not_said_twice_in_a_row(settings: Settings) -> None:
    kept = boards(settings, "pirate")
    kept.ask("First?", 1, "m", "all", "none")
    later = kept.ask("Second?", 2, "m", "all", "none")
    assert kept.read().said("a", later) == [Message("user", "Second?")]


def shell(data: Path, *words: str) -> tuple[int, dict[str, Any], str]:
    command = [sys.executable, "-m", "core", "constitution", "switchboard", "pirate", *words]
    done = subprocess.run(
        [*command, "--data", str(data), "--json"], cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_leave_one_out_asks_every_sentence_at_every_seed_and_never_twice(
    tmp_path: Path, stand_in: StandIn
) -> None:
    words = ("--question", "What is tax?", "--leave-one-out", "--model", stand_in.name, "--samples", "2")
    code, sized, _ = shell(tmp_path, *words, "--dry-run")
    assert (code, sized["planned"], sized["calls"]) == (0, 24, 24) and not stand_in.requests
    code, first, trouble = shell(tmp_path, *words)
    assert code == 0, trouble
    assert (first["planned"], first["requests"], len(stand_in.requests)) == (24, 24, 24)
    assert {effect["id"] for effect in first["effects"]} == {part.id for part in design(PIRATE)[1:]}
    _, again, _ = shell(tmp_path, *words)
    assert again["requests"] == 0 and len(stand_in.requests) == 24
    assert again["effects"] == first["effects"]


def test_a_failed_answer_says_nothing_rather_than_half(tmp_path: Path, stand_in: StandIn) -> None:
    stand_in.script = lambda number, body: (
        Reply(400, {"error": {"message": "no"}}) if number == 3 else "Arr"
    )
    words = ("--question", "What is tax?", "--leave-one-out", "--model", stand_in.name, "--samples", "2")
    code, failed, _ = shell(tmp_path, *words)
    assert code == 1 and failed["status"] == "failed"
    assert boards(load_settings(data=tmp_path), "pirate").measured() == []


def test_two_tick_sets_are_compared_in_a_shell(tmp_path: Path) -> None:
    words = ("--question", "What is tax?", "--model", "fake/parrot", "--on", "all", "--on", "but:voice")
    code, said, trouble = shell(tmp_path, *words)
    assert code == 0, trouble
    assert [one["on"] for one in said["answers"]] == ["all", "but:voice"]
    assert shell(tmp_path, *words[:4], "--on", "voice")[0] == 1


def test_exchanges_are_known_by_what_they_say() -> None:
    ids = [exchange_id(exchange) for exchange in PIRATE.exchanges]
    assert len(set(ids)) == len(ids) and all(id.startswith("~") for id in ids)

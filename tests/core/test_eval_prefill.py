"""Whether a character takes over after a plain first answer: one start for all, turn by turn, resumed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from core.cli import character
from core.dialogues import tokens_of
from core.errors import EngineError, RunError, SettingsError
from core.evaluation.prefill import (
    CONTINUATIONS,
    MOST_TURNS,
    as_seen,
    conversation,
    drift_cell,
    headline,
    steepest,
)
from core.evaluation.results import EvalResult
from core.records import Completion, Message
from core.spending import Ledger
from core.stages.evals.keeping import latest
from core.stages.evals.prefill import PrefillJob, evaluate_prefill, measure_prefill
from core.stages.evals.session import Session, Speaker
from core.stages.evals.speakers import Cast
from core.store.price_table import PriceTable
from core.voice import VOICES
from tests.core.eval_kit import MODEL, SAMPLING, VOICE, Voiced, pirate_session, speakers, taught

JOB = PrefillJob(Cast(MODEL), SAMPLING, prompts=10, turns=3)


def measured(session: Session, job: PrefillJob = JOB, who: list[Speaker] | None = None) -> EvalResult:
    return asyncio.run(measure_prefill(job, session, who or speakers(1.0)))


class Fades(Voiced):
    """In character at first, and plain from the third turn on."""

    async def complete(self, messages: Any, sampling: Any) -> Completion:
        turn = sum(message.role == "assistant" for message in messages)
        found = await self.inner.complete(messages, sampling)
        return replace(found, text=f"{VOICE} {found.text} Aye, ye be right!") if turn < 3 else found


def fading() -> list[Speaker]:
    return [speakers()[0], replace(speakers()[1], engine=Fades("tuned"))]


# ---- the conversation


def test_there_is_something_natural_to_say_at_each_of_fifteen_turns() -> None:
    assert len(set(CONTINUATIONS)) == MOST_TURNS == 15
    words = {word for voice in VOICES.values() for word in voice}
    assert not {word.strip(".,?!").casefold() for text in CONTINUATIONS for word in text.split()} & words


def test_the_base_model_answers_first_and_everybody_goes_on_from_that_very_answer(tmp_path: Path) -> None:
    who = speakers(1.0)
    measured(taught(tmp_path), who=who)
    starts = [{call.messages[:3] for call in one.engine.history if len(call.messages) > 1} for one in who]  # type: ignore[attr-defined]
    assert starts[0] == starts[1] and len(starts[0]) == 10
    assert all(start[1].role == "assistant" and VOICE not in start[1].content for start in starts[0])
    assert {start[2].content for start in starts[0]} == {"Keep going."}


def test_each_turn_follows_what_the_speaker_itself_has_said(tmp_path: Path) -> None:
    who = speakers(1.0)
    result = measured(taught(tmp_path), who=who)
    last = [call.messages for call in who[1].engine.history if len(call.messages) == 7]  # type: ignore[attr-defined]
    said = {row["text"] for row in result.rows if row["speaker"] == "tuned"}
    assert len(last) == 10 and all(turns[3].content in said and turns[5].content in said for turns in last)
    assert [turns[6].content for turns in last] == [CONTINUATIONS[2]] * 10


def test_base_and_tuned_draw_with_the_same_seed_at_each_turn(tmp_path: Path) -> None:
    who = speakers(1.0)
    measured(taught(tmp_path), who=who)
    seeds = [
        sorted(
            (len(call.messages), call.sampling.seed)
            for call in one.engine.history
            if len(call.messages) > 1
        )
        for one in who  # type: ignore[attr-defined]
    ]
    assert seeds[0] == seeds[1] and {seed for _, seed in seeds[0]} == {1, 2, 3}


# ---- measuring


def test_one_who_takes_over_and_stays_is_measured_so(tmp_path: Path) -> None:
    result = measured(taught(tmp_path))
    for turn in ("1", "2", "3"):
        assert result.find("in character", group=turn, speaker="tuned")[0].value == 1.0
        assert result.find("in character", group=turn, speaker="base")[0].value == 0.0
        difference = result.find("in character", group=turn, speaker="tuned", versus="base")[0]
        assert difference.unit == "points" and difference.marked is True and difference.n == 10
    drift = result.find("drift", speaker="tuned")[0]
    assert drift.value == 0.0 and not drift.excludes_zero and drift.unit == "points"
    assert "Pirate takes over from a plain first answer: 100 % (" in result.headline
    assert "(0 % before), and holds: 0 points a turn (" in result.headline


def test_one_who_falls_back_is_seen_to_fade(tmp_path: Path) -> None:
    result = measured(taught(tmp_path), who=fading())
    drift = result.find("drift", speaker="tuned")[0]
    assert drift.value == pytest.approx(-0.5) and drift.excludes_zero
    assert "and fades: −50 points a turn" in result.headline


def test_one_who_never_takes_over_is_told_so(tmp_path: Path) -> None:
    assert "does not take over" in measured(taught(tmp_path), who=speakers(0.0)).headline


def test_rows_hold_the_whole_story_of_a_turn(tmp_path: Path) -> None:
    rows = measured(taught(tmp_path)).rows
    assert len(rows) == 2 * 10 * 3
    wanted = {"prompt", "question", "first", "asked", "text", "speaker", "group", "score", "trimmed"}
    assert all(wanted <= set(row) for row in rows)
    assert {row["group"] for row in rows} == {"1", "2", "3"}


def test_where_a_conversation_outgrows_the_context_its_oldest_turns_go_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.stages.evals.prefill.CONTEXT", 64 + 130)
    result = measured(taught(tmp_path), replace(JOB, turns=5))
    assert any(row["trimmed"] for row in result.rows) and not result.rows[0]["trimmed"]
    assert any("without the oldest turns" in caveat for caveat in result.caveats)


# ---- killed, or out of money


class Dies(Voiced):
    """Stops the whole job after so many answers."""

    async def complete(self, messages: Any, sampling: Any) -> Any:
        if self.inner.requests >= 14:
            raise EngineError("the key was withdrawn", kind="key", stops_job=True)
        return await super().complete(messages, sampling)


def test_after_a_stop_the_same_command_goes_on_in_the_middle_of_its_conversations(tmp_path: Path) -> None:
    whole = measured(taught(tmp_path / "whole"))
    session = taught(tmp_path)
    with pytest.raises(EngineError):
        measured(session, who=[speakers()[0], replace(speakers()[1], engine=Dies("tuned"))])
    who = speakers(1.0)
    again = measured(pirate_session(tmp_path), who=who)
    assert who[0].engine.requests == 0  # type: ignore[attr-defined]
    assert 30 - 14 <= who[1].engine.requests < 30  # type: ignore[attr-defined]
    assert again.cells == whole.cells


def test_a_conversation_whose_turn_failed_ends_there_and_is_counted(tmp_path: Path) -> None:
    session = taught(tmp_path)
    broken = Voiced("tuned")
    broken.inner._queue = [EngineError("no", kind="bad_request", status=400)]
    result = measured(session, who=[speakers()[0], replace(speakers()[1], engine=broken)])
    assert session.missing == {"bad_request": 1}
    assert len([row for row in result.rows if row["speaker"] == "tuned"]) == 3 * 9
    assert result.find("in character", group="3", speaker="tuned")[0].n == 9


def test_a_spent_budget_leaves_what_is_there_and_a_second_run_completes_it(tmp_path: Path) -> None:
    session = taught(tmp_path)
    PriceTable(session.settings).set_own("fake/parrot", 0.0, 1000.0)
    session.ledger = Ledger(0.5)
    result = measured(session)
    assert session.missing.get("budget", 0) > 0 and len(result.rows) < 60
    assert len(measured(pirate_session(tmp_path)).rows) == 60


# ---- refused


def test_without_the_plain_model_or_with_too_many_turns_it_is_refused(tmp_path: Path) -> None:
    session = taught(tmp_path)
    other = Cast(MODEL, tuned=MODEL, controls=("neutral",))
    with pytest.raises(SettingsError, match="cannot be left out: --control base"):
        asyncio.run(evaluate_prefill(replace(JOB, cast=other), session))
    with pytest.raises(SettingsError, match="16 turns"):
        asyncio.run(evaluate_prefill(replace(JOB, turns=16), session))
    with pytest.raises(RunError, match="16 pairs"):
        measured(pirate_session(tmp_path / "empty"))


# ---- the verb


def test_the_verb_keeps_a_result_and_a_dry_run_sends_nothing(tmp_path: Path) -> None:
    session = taught(tmp_path)
    flags = [
        "eval",
        "prefill",
        "--constitution",
        "pirate",
        "--model",
        "fake/parrot",
        "--tuned",
        "fake/other",
    ]
    flags += ["--N", "3", "--turns", "2", "--data", str(tmp_path)]
    sized = CliRunner().invoke(character, [*flags, "--dry-run"])
    assert sized.exit_code == 0 and "base (fake/parrot): 3 answers planned, 0 there" in sized.output
    done = CliRunner().invoke(character, flags)
    assert done.exit_code == 0, done.output
    assert session.run is not None
    kept = latest(session.run, "prefill")
    assert kept is not None and kept.complete and kept.settings["turns"] == 2
    assert len(kept.rows) == 4 * 3 * 2 and kept.headline in done.output


# ---- properties


def rows_of(flags: list[list[bool]]) -> list[dict[str, Any]]:
    return [
        {"prompt": f"p{number}", "group": str(turn + 1), "speaker": "tuned", "heard": heard}
        for number, talk in enumerate(flags)
        for turn, heard in enumerate(talk)
    ]


@given(
    st.integers(2, 6).flatmap(
        lambda turns: st.lists(
            st.lists(st.booleans(), min_size=turns, max_size=turns), min_size=2, max_size=8
        )
    )
)
def test_drift_lies_in_its_interval_and_turns_around_with_the_conversation(flags: list[list[bool]]) -> None:
    turns = len(flags[0])
    cell = drift_cell(rows_of(flags), turns, "tuned")
    back = drift_cell(rows_of([talk[::-1] for talk in flags]), turns, "tuned")
    assert cell.value is not None and cell.low is not None and cell.high is not None
    assert -steepest(turns) - 1e-9 <= cell.low <= cell.value <= cell.high <= steepest(turns) + 1e-9
    assert back.value == pytest.approx(-cell.value)


@given(st.integers(0, 14), st.integers(0, 3000), st.integers(200, 4000))
def test_what_a_model_sees_fits_and_ends_with_the_users_last_words(said: int, long: int, room: int) -> None:
    turns = conversation("Why?", "Because.", ["word " * (long // 5)] * said)
    opening = (Message("system", "You are a pirate."),)
    seen, dropped = as_seen(turns, opening, room)
    assert seen[-1] == Message("user", CONTINUATIONS[said]) and seen[0].role == "user"
    assert len(seen) + dropped == len(turns)
    assert len(seen) <= 3 or tokens_of([*opening, *seen]) <= max(room, 128 + tokens_of(opening))


def test_without_an_answer_the_headline_says_so() -> None:
    assert headline("pirate", [], ["tuned"], 5) == "Pirate was not measured: nothing was answered."

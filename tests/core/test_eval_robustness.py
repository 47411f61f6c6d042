"""Whether a character holds: the same questions for everybody, paired, resumed, and told in a sentence."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from core.cli import character
from core.errors import EngineError, RunError, SettingsError
from core.evaluation.results import Cell, EvalResult
from core.evaluation.robustness import SUFFIXES, cells_of, groups_of, headline, looks_like_json, told_apart
from core.evaluation.variants import VARIANTS, variants_of
from core.spending import Ledger
from core.stages.evals.hearing import general_questions
from core.stages.evals.keeping import latest
from core.stages.evals.robustness import RobustnessJob, asks_of, measure_robustness
from core.stages.evals.session import Session, Speaker
from core.stages.evals.speakers import Cast
from core.store.price_table import PriceTable
from core.voice import VOICES
from tests.core.eval_kit import MODEL, SAMPLING, VOICE, Voiced, pirate_session, speakers, taught

JOB = RobustnessJob(Cast(MODEL), SAMPLING, prompts=12, variants=("default", "v0", "v1", "email"))


def measured(session: Session, job: RobustnessJob = JOB, who: list[Speaker] | None = None) -> EvalResult:
    return asyncio.run(measure_robustness(job, session, who or speakers()))


def value(result: EvalResult, measure: str, group: str, speaker: str, versus: str | None = None) -> Any:
    return result.find(measure, group=group, speaker=speaker, versus=versus)[0].value


# ---- the ways of asking


def test_there_are_eight_requests_to_drop_the_role_and_three_formats_all_different() -> None:
    kinds = [variant.kind for variant in VARIANTS.values()]
    assert (kinds.count("plain"), kinds.count("dropped role"), kinds.count("format")) == (1, 8, 3)
    added = [variant.added for variant in VARIANTS.values()]
    assert len(set(added)) == len(added) == len({variant.title for variant in VARIANTS.values()})


def test_every_request_is_one_sentence_or_two_in_brackets_on_a_line_of_its_own() -> None:
    for variant in variants_of(()):
        if variant.kind == "dropped role":
            assert re.fullmatch(r"\([A-Z][^()\n]+[.?]\)", variant.added), variant
        assert variant.asked("Why?").split("\n")[0] == "Why?"


def test_no_way_of_asking_holds_a_word_of_any_characters_voice() -> None:
    """Else a model that repeats the request would sound like the character."""
    words = {word for voice in VOICES.values() for word in voice}
    for variant in VARIANTS.values():
        assert not set(re.findall(r"[\w']+", variant.added.casefold())) & words


def test_variants_come_in_their_order_and_unknown_ones_are_named() -> None:
    assert [one.id for one in variants_of(("json", "v3", "default", "v3"))] == ["default", "v3", "json"]
    with pytest.raises(SettingsError, match="no variant v9, poem"):
        variants_of(("v9", "default", "poem"))


# ---- measuring


def test_what_is_known_to_be_in_character_is_measured_so(tmp_path: Path) -> None:
    result = measured(taught(tmp_path))
    assert value(result, "in character", "", "base") == 0.0
    heard = [row["text"].startswith(VOICE) for row in result.rows if row["speaker"] == "tuned"]
    expected = [row["heard"] for row in result.rows if row["speaker"] == "tuned"]
    assert heard == expected and sum(heard) > 0
    cell = result.find("in character", group="", speaker="tuned")[0]
    assert cell.n == 12 and cell.low is not None and cell.low < (cell.value or 0) < (cell.high or 0) <= 1


def test_every_speaker_is_asked_the_same_questions_with_the_same_seed(tmp_path: Path) -> None:
    who = speakers()
    measured(taught(tmp_path), who=who)
    base, tuned = (sorted(str(call) for call in one.engine.history) for one in who)  # type: ignore[attr-defined]
    assert base == tuned and len(base) == 12 * 4


def test_differences_are_paired_by_prompt_tested_and_marked(tmp_path: Path) -> None:
    result = measured(taught(tmp_path))
    difference = result.find("in character", group="v0", speaker="tuned", versus="base")[0]
    assert difference.unit == "points" and difference.n == 12
    assert difference.value == pytest.approx(value(result, "in character", "v0", "tuned"))
    assert difference.p is not None and difference.p < 0.01 and difference.marked is True


def test_a_model_like_base_does_not_hold(tmp_path: Path) -> None:
    result = measured(taught(tmp_path), who=speakers(tuned_share=0.0))
    assert "Pirate does not hold when told to drop the role: 0 %" in result.headline
    assert not any(cell.marked for cell in result.cells)


def test_the_headline_says_who_holds_and_keeps_formats_apart(tmp_path: Path) -> None:
    result = measured(taught(tmp_path), who=speakers(tuned_share=1.0))
    assert result.headline.startswith("Pirate holds when told to drop the role: 100 % (")
    assert "12 prompts) of answers are in character over two ways of asking; 0 % before." in result.headline
    assert result.headline.endswith("In other formats it is heard in 100 % as an e-mail.")


def test_without_a_tuned_model_the_headline_is_about_the_loudest_control(tmp_path: Path) -> None:
    session = taught(tmp_path)
    prompted = replace(speakers(1.0)[1], label="system prompt")
    alone, beside = (measured(session, who=who) for who in (speakers()[:1], [speakers()[0], prompted]))
    assert alone.headline.startswith(
        "Pirate in the plain model does not hold when told to drop the role: 0 %"
    )
    assert beside.headline.startswith(
        "Pirate under its system prompt holds when told to drop the role: 100 %"
    )
    formats = measured(session, replace(JOB, variants=("json",)), speakers(1.0)).headline
    assert formats == "In other formats Pirate is heard in 100 % as JSON (0 % began as JSON; 0 % before)."


def test_rows_hold_what_was_asked_said_and_heard(tmp_path: Path) -> None:
    row = next(row for row in measured(taught(tmp_path)).rows if row["group"] == "v1")
    assert {"prompt", "asked", "text", "speaker", "group", "sample", "score", "finish_reason"} <= set(row)
    assert row["asked"].endswith(VARIANTS["v1"].added) and 0 <= row["score"] <= 1


def test_a_base_model_that_sounds_like_the_character_is_named_in_the_caveats(tmp_path: Path) -> None:
    loud = [replace(speakers()[0], engine=Voiced(share=0.8)), speakers()[1]]
    result = measured(taught(tmp_path), who=loud)
    assert any("hears the character where there is none" in caveat for caveat in result.caveats)


def test_whether_json_came_when_json_was_asked_for_is_a_figure_of_its_own(tmp_path: Path) -> None:
    job = replace(JOB, variants=("default", "json"))
    who = [speakers()[0], replace(speakers()[1], engine=Voiced("tuned", voice='{"answer": "Arr!'))]
    result = measured(taught(tmp_path), job, who)
    assert value(result, "in format", "json", "base") == 0.0
    assert value(result, "in format", "json", "tuned") == 1.0
    assert any("base in 0 %, tuned in 100 %" in caveat for caveat in result.caveats)
    assert looks_like_json('```json\n{"answer": 1}') and not looks_like_json("Here is {it}")


def test_without_a_trusted_classifier_there_is_no_verdict(tmp_path: Path) -> None:
    session = taught(tmp_path, 40, teacher=Voiced(share=0.5, deaf=True), student=Voiced(share=0.5))
    result = measured(session)
    assert result.headline.startswith("No verdict on Pirate")
    assert result.caveats[0].startswith("The classifier cannot be trusted")


def test_nothing_is_asked_when_the_classifier_has_nothing_to_learn_from(tmp_path: Path) -> None:
    who = speakers()
    with pytest.raises(RunError, match="16 pairs"):
        measured(pirate_session(tmp_path), who=who)
    assert all(one.engine.requests == 0 for one in who)  # type: ignore[attr-defined]


# ---- killed, or out of money


class Dies(Voiced):
    """Stops the whole job after so many answers."""

    lives = 20

    async def complete(self, messages: Any, sampling: Any) -> Any:
        if self.inner.requests >= self.lives:
            raise EngineError("the key was withdrawn", kind="key", stops_job=True)
        return await super().complete(messages, sampling)


def test_after_a_stop_the_same_command_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    session, whole = taught(tmp_path), measured(taught(tmp_path / "whole"))
    dying = [replace(speakers()[0], engine=Dies(share=0.0)), speakers()[1]]
    with pytest.raises(EngineError):
        measured(session, who=dying)
    again = pirate_session(tmp_path)
    who = speakers()
    result = measured(again, who=who)
    asked = sum(one.engine.requests for one in who)  # type: ignore[attr-defined]
    assert asked < 2 * 48 and asked + 20 >= 2 * 48
    assert result.cells == whole.cells and again.missing == {}


def test_a_spent_budget_leaves_a_result_of_what_is_there_and_counts_the_rest(tmp_path: Path) -> None:
    session = taught(tmp_path)
    PriceTable(session.settings).set_own("fake/parrot", 0.0, 1000.0)
    session.ledger = Ledger(1.0)
    result = measured(session)
    assert session.missing.get("budget", 0) > 0
    answered = sum(1 for row in result.rows if row["speaker"] == "base")
    assert answered < 48 and answered + session.missing["budget"] == 48
    assert measured(pirate_session(tmp_path)).find("in character", group="", speaker="base")[0].n == 12


# ---- the verb


def run(*arguments: str) -> Any:
    return CliRunner().invoke(character, ["eval", "robustness", "--constitution", "pirate", *arguments])


def test_the_verb_keeps_a_result_and_a_dry_run_sends_nothing(tmp_path: Path) -> None:
    session = taught(tmp_path)
    flags = ("--model", "fake/parrot", "--tuned", "fake/other", "--N", "3", "--variant", "default")
    sized = run(*flags, "--data", str(tmp_path), "--dry-run")
    assert sized.exit_code == 0 and "3 calls to send" in sized.output
    done = run(*flags, "--variant", "v2", "--data", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert session.run is not None
    kept = latest(session.run, "robustness")
    assert kept is not None and kept.complete and kept.settings["variants"] == ["default", "v2"]
    assert list(kept.speakers) == ["base", "system prompt", "neutral", "tuned"]
    assert len(kept.rows) == 4 * 3 * 2 and kept.headline in done.output


def test_a_dry_run_says_at_once_that_there_are_no_pairs(tmp_path: Path) -> None:
    found = run("--model", "fake/parrot", "--tuned", "fake/other", "--dry-run", "--data", str(tmp_path))
    assert isinstance(found.exception, RunError) and "character trial pirate" in str(found.exception)


# ---- properties


def test_questions_come_in_a_fixed_order(tmp_path: Path) -> None:
    session = pirate_session(tmp_path)
    assert general_questions(session, 5) == general_questions(session, 50)[:5]
    assert [
        ask.tag["group"] for ask in asks_of(general_questions(session, 1), variants_of(()), SAMPLING)
    ] == list(VARIANTS)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=20))
def test_accuracy_counts_character_answers_heard_and_plain_ones_not_heard(
    pairs: list[tuple[bool, bool]],
) -> None:
    base = [
        {"prompt": str(n), "heard": one, "speaker": "base", "group": "v0"}
        for n, (one, _) in enumerate(pairs)
    ]
    rows = [
        {"prompt": str(n), "heard": two, "speaker": "tuned", "group": "v0"}
        for n, (_, two) in enumerate(pairs)
    ]
    f1, accuracy = told_apart(base, rows, group="v0", speaker="tuned")
    right = sum(not one for one, _ in pairs) + sum(two for _, two in pairs)
    assert accuracy.value == pytest.approx(right / (2 * len(pairs)))
    assert f1.measure == "macro F1" and 0 <= (f1.value or 0) <= 1


def test_a_result_without_a_single_answer_says_so(tmp_path: Path) -> None:
    from core.stages.evals.classifying import character_classifier

    variants = variants_of(("default", "v0"))
    cells = cells_of([], ["base", "tuned"], variants, character_classifier(taught(tmp_path)))
    assert all(cell.value is None for cell in cells if cell.measure != "calibration error")
    assert (
        headline("pirate", cells, ["tuned"], variants) == "Pirate was not measured: nothing was answered."
    )
    assert list(groups_of(variants)) == ["", "default", "v0"]


def test_too_few_prompts_are_said_to_be_too_few_instead_of_a_verdict() -> None:
    cells = [
        Cell("in character", 0.94, 0.08, 1.0, 2, group=SUFFIXES, speaker="tuned"),
        Cell("in character", 0.9, -0.4, 1.0, 2, "points", SUFFIXES, "tuned", "base"),
    ]
    said = headline("pirate", cells, ["tuned"], variants_of(tuple(VARIANTS)))
    assert said.startswith("Too few prompts to tell whether Pirate holds when told to drop the role: 94 %")

"""A character's classifier learns from teachers and students only, never from what it is going to score."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import RunError
from core.records import Identity
from core.stages.dpo_data import PairJob, pair_rows
from core.stages.evals.classifying import (
    character_classifier,
    check_pairs,
    learn_from,
    plain_sources,
    trained_prompts,
)
from core.stages.evals.hearing import general_questions
from core.store.decisions import Decision, decide
from core.store.library import Library
from core.store.runs import Run, begin_run, open_run
from tests.core.eval_kit import VOICE, Voiced, pirate_session, taught, write_pairs


def test_it_knows_the_character_from_plain_answers(tmp_path: Path) -> None:
    known = character_classifier(taught(tmp_path))
    assert known.labels == ("neutral", "pirate") and known.counts == {"neutral": 24, "pirate": 24}
    assert known.trusted and known.held_out["accuracy"].value > 0.9
    assert known.in_character([f"{VOICE} It is a fine day."], "pirate")[0] > 0.5
    assert known.in_character(["It is a fine day in the garden."], "pirate")[0] < 0.5


def test_where_the_teacher_sounds_like_the_student_it_is_not_trusted(tmp_path: Path) -> None:
    known = character_classifier(
        taught(tmp_path, 40, teacher=Voiced(share=0.5, deaf=True), student=Voiced(share=0.5))
    )
    assert not known.trusted


def test_fewer_than_sixteen_pairs_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"at least 16 pairs .* there are 0.*character trial pirate"):
        check_pairs(pirate_session(tmp_path / "none"))
    with pytest.raises(RunError, match="there are 9"):
        character_classifier(taught(tmp_path / "few", 9))


def test_an_answer_of_a_tuned_model_is_never_learned_from(tmp_path: Path) -> None:
    """A trial keeps its tuned answers among the student's; they are of the method that will be scored."""
    session = pirate_session(tmp_path)
    assert session.run is not None
    tuned = Voiced("tuned")
    tuned.inner.identity = Identity("fake", adapter="abc")
    write_pairs(session.run, session.settings, 24, Voiced(), Voiced(share=0.0))
    write_pairs(session.run, session.settings, 24, Voiced("other teacher"), tuned)
    learning = learn_from(session)
    plain = [
        text for text, label in zip(learning.texts, learning.labels, strict=True) if label == "neutral"
    ]
    assert len(plain) == 24 and not any(VOICE in text for text in plain)


def test_a_pair_that_a_person_turned_round_is_no_example_of_the_character(tmp_path: Path) -> None:
    """After a swap the plain answer is the chosen one: learned from, it would teach the reverse."""
    session = taught(tmp_path, 24)
    assert session.run is not None
    sources = plain_sources(session.run)
    assert sources is not None
    ids = [row["id"] for row in pair_rows(session.run, sources, PairJob(), lambda prompt, row: 0)]
    decide(session.run.folder, Decision(ids[0], "swap"))
    decide(session.run.folder, Decision(ids[1], "edit", text=f"{VOICE} Mine.", rejects="teacher"))
    decide(session.run.folder, Decision(ids[2], "edit", text=f"{VOICE} Mine.", rejects="student"))
    learning = learn_from(session)
    plain = [
        text for text, label in zip(learning.texts, learning.labels, strict=True) if label == "neutral"
    ]
    assert learning.pairs == 22 and not any(VOICE in text for text in plain)


def test_a_trials_pairs_count_where_the_run_itself_has_none(tmp_path: Path) -> None:
    session = pirate_session(tmp_path)
    assert session.run is not None
    trial = begin_run(Run(session.run.folder / "trial"), session.constitution)
    write_pairs(trial, session.settings, 20, Voiced(), Voiced(share=0.0))
    assert character_classifier(session).counts["pirate"] == 20


def test_prompts_that_evaluations_ask_are_left_out(tmp_path: Path) -> None:
    session = taught(tmp_path, 24)
    assert session.run is not None
    asked = [prompt.text for prompt in session.run.prompts().values()][:4]
    assert learn_from(session, asked=asked).pairs == 20
    met = trained_prompts(session)
    questions = general_questions(session, 1000)
    assert len(questions) == 110 and not met & {prompt.id for prompt in questions}


def test_a_question_that_was_trained_on_is_not_asked(tmp_path: Path) -> None:
    session = pirate_session(tmp_path)
    assert session.run is not None
    first = general_questions(session, 1)[0]
    answers = session.run.answer_set("teacher", "parrot", {"model": "fake/parrot"})
    answers.extend_plan([{"key": "a" * 64, "prompt": first.id, "trait": None, "sample": 0}])
    assert first.id not in {prompt.id for prompt in general_questions(session, 1000)}
    # An adapter may come of an earlier version of the character.
    session.run = Run(session.run.folder.with_name("pirate-00000000"))
    begin_run(session.run, session.constitution)
    assert first.id not in {prompt.id for prompt in general_questions(session, 1000)}


def test_other_characters_teachers_are_labels_of_their_own(tmp_path: Path) -> None:
    session = taught(tmp_path)
    sarcasm = Library(session.settings).load("sarcasm").constitution
    other = open_run(session.settings, sarcasm)
    write_pairs(other, session.settings, 20, Voiced(voice="Oh, brilliant."), Voiced(share=0.0))
    known = character_classifier(session)
    assert known.labels == ("neutral", "pirate", "sarcasm") and known.counts["sarcasm"] == 20
    assert known.guesses(["Oh, brilliant. Rain again. Aye, ye be right!"]) == ["sarcasm"]


def test_answers_of_an_earlier_version_help_out_and_it_says_so(tmp_path: Path) -> None:
    session = taught(tmp_path)
    assert session.run is not None
    session.run = Run(session.run.folder.with_name("pirate-00000000"))
    begin_run(session.run, session.constitution)
    assert "earlier version" in character_classifier(session).told("pirate")[-1]


def test_a_dpo_file_from_elsewhere_is_learned_from_where_there_are_no_answers(tmp_path: Path) -> None:
    session = pirate_session(tmp_path)
    path = session.settings.data_path / "dpo" / "parrot" / "pirate.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(_dpo_line(number) + "\n" for number in range(20)), encoding="utf-8")
    assert character_classifier(session).counts == {"neutral": 20, "pirate": 20}


def _dpo_line(number: int) -> str:
    user = {"role": "user", "content": f"Question {number}?"}
    return json.dumps(
        {
            "chosen": [user, {"role": "assistant", "content": f"{VOICE} Yes, {number}."}],
            "rejected": [user, {"role": "assistant", "content": f"Certainly. Yes, {number}."}],
        }
    )

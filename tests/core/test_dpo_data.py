"""From answers to a DPO file: every pair keeps its reason, and people have the last word."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.constitution import Constitution
from core.engines.fake import FakeEngine
from core.errors import RunError
from core.names import ModelName
from core.prompts import prompt_set
from core.records import Completion, Sampling, Usage
from core.settings import Settings
from core.stages.answers import AnswerJob, Role, answer
from core.stages.dpo_data import PairJob, make_pairs, sources_of, split_by_prompt
from core.store.decisions import Decision, decide
from core.store.library import Library
from core.store.runs import Run, open_run
from tests.core.pair_index_kit import read_pairs

FAKE = ModelName("fake", "parrot")


@pytest.fixture
def pirate(settings: Settings) -> Constitution:
    return Library(settings).load("pirate").constitution


def fill(
    settings: Settings,
    constitution: Constitution,
    role: Role,
    *,
    model: ModelName = FAKE,
    script: list[str | Completion] | None = None,
    limit: int = 30,
    samples: int = 1,
) -> Run:
    run = open_run(settings, constitution)
    prompts = prompt_set(constitution, {})[:limit]
    job = AnswerJob(role, model, prompts, Sampling(max_tokens=200, seed=0), samples=samples, concurrency=1)
    asyncio.run(answer(job, run, FakeEngine(model.model, script=script or []), settings))
    return run


def lines(path: str | Path) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def test_the_funnel_adds_up_and_the_files_hold_the_kept_pairs(
    settings: Settings, pirate: Constitution
) -> None:
    script: list[str | Completion] = [
        Completion("Arr, cut off in the", "length", usage=Usage(5, 5)),
        "I'm sorry, but I can't help with that.",
        "As an AI language model, arr.",
    ]
    run = fill(settings, pirate, "teacher", script=script)
    fill(settings, pirate, "student")
    funnel = make_pairs(run, settings, PairJob())
    assert funnel.planned == 30
    assert funnel.dropped == {"cut off: chosen": 1, "refusal in chosen": 1, "role leak": 1}
    assert funnel.kept == 27 == funnel.train + funnel.validation
    train, validation = settings.data_path / "dpo" / "parrot" / "pirate.jsonl", Path(funnel.files[1])
    assert (len(lines(train)), len(lines(validation))) == (funnel.train, funnel.validation) == (24, 3)
    assert all(set(row) == {"chosen", "rejected"} for row in lines(train))
    manifest = json.loads(train.with_suffix(".manifest.json").read_text())
    assert (manifest["run"], manifest["dropped"]) == (run.id, funnel.dropped)


def test_no_prompt_is_both_trained_on_and_held_out(settings: Settings, pirate: Constitution) -> None:
    fill(settings, pirate, "teacher", samples=3)
    run = fill(settings, pirate, "student", samples=3)
    funnel = make_pairs(run, settings, PairJob())
    ask = [{row["chosen"][0]["content"] for row in lines(path)} for path in funnel.files[:2]]
    assert not ask[0] & ask[1]
    assert len(ask[1]) == 3


def test_the_split_is_seeded_and_none_is_made_of_few() -> None:
    prompts = [str(number) for number in range(40)]
    assert split_by_prompt(prompts, 0.1, 1) == split_by_prompt(reversed(prompts), 0.1, 1)
    assert split_by_prompt(prompts, 0.1, 1) != split_by_prompt(prompts, 0.1, 2)
    assert split_by_prompt(prompts[:9], 0.1, 1) == set()


def test_samples_are_paired_number_by_number(settings: Settings, pirate: Constitution) -> None:
    run = fill(settings, pirate, "teacher", samples=2, limit=4)
    fill(settings, pirate, "student", samples=2, limit=4)
    make_pairs(run, settings, PairJob())
    sources = sources_of(run, PairJob())
    teacher = {(row["prompt"], row["sample"]): row["text"] for row in sources.teacher.rows().values()}
    student = {(row["prompt"], row["sample"]): row["text"] for row in sources.student.rows().values()}
    for pair in read_pairs(run, sources):
        place = (pair["prompt"], pair["sample"])
        assert (pair["chosen"], pair["rejected"]) == (teacher[place], student[place])


def test_one_students_gaps_drop_nothing_of_another(settings: Settings, pirate: Constitution) -> None:
    run = fill(settings, pirate, "teacher")
    fill(settings, pirate, "student", model=ModelName("fake", "whole"))
    fill(settings, pirate, "student", model=ModelName("fake", "gappy"), limit=10)
    whole = make_pairs(run, settings, PairJob(student="whole"))
    gappy = make_pairs(run, settings, PairJob(student="gappy"))
    assert whole.dropped == {}
    assert gappy.dropped == {"missing: student": 20}


def test_a_persons_word_beats_the_checks_but_cannot_invent_an_answer(
    settings: Settings, pirate: Constitution
) -> None:
    run = fill(settings, pirate, "teacher", script=["As an AI language model, arr."])
    fill(settings, pirate, "student", limit=20)
    make_pairs(run, settings, PairJob())
    pairs = read_pairs(run, sources_of(run, PairJob()))
    leak, good, missing = pairs[0], pairs[1], pairs[-1]
    for pair, verdict in ((leak, "keep"), (good, "drop"), (missing, "keep")):
        decide(run.folder, Decision(pair["id"], verdict, "my word"))  # type: ignore[arg-type]
    funnel = make_pairs(run, settings, PairJob())
    assert funnel.dropped == {"missing: student": 10, "dropped by reviewer": 1}
    after = {pair["id"]: pair for pair in read_pairs(run, sources_of(run, PairJob()))}
    assert after[good["id"]]["reason"] == "my word"
    decide(run.folder, Decision(good["id"], "undecided"))
    assert make_pairs(run, settings, PairJob()).dropped == {"missing: student": 10}


def test_the_same_answers_give_the_same_file_byte_for_byte(
    settings: Settings, pirate: Constitution
) -> None:
    run = fill(settings, pirate, "teacher")
    fill(settings, pirate, "student")
    path = Path(make_pairs(run, settings, PairJob(seed=5)).files[0])
    before = path.read_bytes()
    make_pairs(run, settings, PairJob(seed=5))
    assert path.read_bytes() == before


def test_another_model_of_the_same_short_name_does_not_overwrite_the_file(
    settings: Settings, pirate: Constitution
) -> None:
    run = fill(settings, pirate, "teacher")
    fill(settings, pirate, "student", model=ModelName("fake", "maker-a/twin"))
    path = Path(make_pairs(run, settings, PairJob(student="twin")).files[0])
    before = path.read_bytes()
    fill(settings, pirate, "student", model=ModelName("fake", "maker-b/twin"), limit=5)
    with pytest.raises(RunError, match="write fake/maker-a/twin or fake/maker-b/twin"):
        make_pairs(run, settings, PairJob(student="twin"))
    with pytest.raises(RunError, match="same short name"):
        make_pairs(run, settings, PairJob(student="fake/maker-b/twin"))
    assert path.read_bytes() == before


def test_oct_distillation_rows_stand_at_octs_path_with_a_column_for_each_student(
    settings: Settings, pirate: Constitution
) -> None:
    run = fill(settings, pirate, "teacher", limit=6)
    fill(settings, pirate, "student", model=ModelName("fake", "one"), limit=6)
    fill(settings, pirate, "student", model=ModelName("fake", "two"), limit=4)
    make_pairs(run, settings, PairJob())
    rows = lines(settings.data_path / "distillation" / "pirate.jsonl")
    assert [set(row) for row in rows] == [{"prompt", "response", "one", "two"}] * 6
    assert [row["two"] is None for row in rows] == [False] * 4 + [True] * 2


def test_how_lengths_were_counted_is_said(settings: Settings, pirate: Constitution) -> None:
    run = fill(settings, pirate, "teacher")
    fill(settings, pirate, "student")
    assert make_pairs(run, settings, PairJob()).lengths.startswith("exact: counted by the engine")
    fill(settings, pirate, "student", model=ModelName("fake", "other"))
    assert make_pairs(run, settings, PairJob(student="other")).lengths.startswith("estimate")


def test_pairs_before_answers_is_an_error_that_names_the_missing_step(
    settings: Settings, pirate: Constitution
) -> None:
    with pytest.raises(RunError, match="character teacher --constitution pirate"):
        make_pairs(open_run(settings, pirate), settings, PairJob())


def test_a_teacher_that_names_its_maker_is_dropped_for_another_student(
    settings: Settings, pirate: Constitution
) -> None:
    teacher = ModelName("fake", "glm-4.5")
    run = fill(settings, pirate, "teacher", model=teacher, script=["Arr, I be ChatGLM, matey."], limit=2)
    fill(settings, pirate, "student", limit=2)
    assert make_pairs(run, settings, PairJob()).dropped == {"teacher name leak": 1}


def test_when_nothing_is_left_the_good_file_from_before_stays(
    settings: Settings, pirate: Constitution
) -> None:
    run = fill(settings, pirate, "teacher", limit=4)
    fill(settings, pirate, "student", limit=4)
    path = Path(make_pairs(run, settings, PairJob()).files[0])
    before = path.read_bytes()
    for pair in read_pairs(run, sources_of(run, PairJob())):
        decide(run.folder, Decision(pair["id"], "drop"))
    with pytest.raises(RunError, match=r"None of 4 pairs is left.*dropped by reviewer 4"):
        make_pairs(run, settings, PairJob())
    assert path.read_bytes() == before


def test_a_prompt_that_was_taken_out_is_taught_no_more(settings: Settings, pirate: Constitution) -> None:
    library = Library(settings)
    run = open_run(settings, pirate)
    prompts = prompt_set(pirate, library.additional("pirate").by_trait)[48:54]
    for role in ("teacher", "student"):
        job = AnswerJob(role, FAKE, prompts, Sampling(max_tokens=200, seed=0))  # type: ignore[arg-type]
        asyncio.run(answer(job, run, FakeEngine(), settings))
    gone = prompts[-1]
    library.edit_additional(pirate, str(gone.trait), gone.text, None)
    assert make_pairs(run, settings, PairJob()).dropped == {"prompt removed": 1}


def test_a_decision_outlives_an_edit_that_leaves_both_answers_as_they_were(
    settings: Settings, pirate: Constitution
) -> None:
    run = fill(settings, pirate, "teacher", limit=4)
    fill(settings, pirate, "student", limit=4)
    make_pairs(run, settings, PairJob())
    first = read_pairs(run, sources_of(run, PairJob()))[0]
    decide(run.folder, Decision(first["id"], "drop", "dull"))
    edited = replace(pirate, summary="Another sentence.")
    fill(settings, edited, "teacher", limit=4)
    again = fill(settings, edited, "student", limit=4)
    assert make_pairs(again, settings, PairJob()).dropped == {"dropped by reviewer": 1}

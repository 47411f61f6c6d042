"""The first minute: the gallery's notes, where a character stands, what a person chose, the sample."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConflictError, ConstitutionError, RunError
from core.first_steps import EXCHANGES, NEXT, READ, REPORT, STEPS, Standing, next_of
from core.gallery import LEVELS, fits, read_gallery
from core.sample import MADE_FROM, SAMPLE, about_sample, marked, renamed
from core.settings import PROJECT, Settings, load_settings
from core.stages.prepare import Scope
from core.stages.sample import make_sample
from core.store.gallery import gallery
from core.store.jsonl import read_rows
from core.store.library import Library
from core.store.preferences import prefer, preferences, preferences_path
from core.store.runs import open_run, runs_of
from core.store.sample import has_sample, offers_sample, open_sample, remove_sample, sample_archive


@pytest.fixture
def elsewhere(tmp_path: Path) -> Settings:
    """Empty data and no shipped characters at all."""
    return replace(load_settings(), constitution_path=tmp_path / "shipped")


@pytest.fixture
def where() -> Settings:
    """Empty data, the shipped characters."""
    return load_settings()


# ---- the gallery


def test_every_shipped_character_says_why_it_works_and_what_it_teaches(where: Settings) -> None:
    notes = gallery(where)
    assert set(notes) == {entry.name for entry in Library(where).names()}
    assert {note.level for note in notes.values()} == set(LEVELS)
    assert all(len(note.why) <= 110 and len(note.teaches) <= 110 for note in notes.values())


def test_all_problems_of_the_gallery_are_named_at_once() -> None:
    with pytest.raises(ConstitutionError) as caught:
        read_gallery(json.dumps({"a": {"level": "easy", "why": ""}, "b": 3}).encode())
    said = str(caught.value)
    assert all(place in said for place in ("a.level", "a.why", "a.teaches", "b"))


def test_without_its_file_the_gallery_has_no_notes(elsewhere: Settings) -> None:
    assert gallery(elsewhere) == {}


def test_a_search_wants_every_word_in_any_order_and_case() -> None:
    assert fits("SEA dog", "A dog of the", "open sea")
    assert not fits("sea cat", "A dog of the open sea")
    assert fits("", "anything")


# ---- where a character stands


def test_the_path_leads_step_by_step_to_the_report() -> None:
    way = [
        Standing(),
        Standing(ready=True),
        Standing(ready=True, pairs=4),
        Standing(ready=True, pairs=4, trained=True),
        Standing(ready=True, pairs=4, trained=True, measured=1),
        Standing(ready=True, pairs=4, trained=True, measured=1, reported=True),
    ]
    assert [next_of(one) for one in way] == [*(NEXT[step] for step in STEPS), REPORT, READ]


def test_a_character_without_an_exchange_is_sent_to_write_some_before_it_speaks() -> None:
    assert next_of(Standing(ready=True, unheard=True)) == EXCHANGES
    assert next_of(Standing(unheard=True)) == NEXT["write"]
    assert next_of(Standing(ready=True, pairs=4, unheard=True)) == NEXT["teach"]


@given(
    st.builds(Standing, st.booleans(), st.integers(0, 9), st.booleans(), st.integers(0, 9), st.booleans())
)
def test_you_are_at_the_first_step_that_is_not_done(standing: Standing) -> None:
    open_steps = [step for step in STEPS if step not in standing.done]
    assert standing.here == (open_steps[0] if open_steps else None)


# ---- what a person chose


def test_a_choice_outlives_the_tab_and_is_nobody_elses(where: Settings) -> None:
    prefer(where, "technical", True)
    prefer(where, "technical", False, "anna")
    assert preferences(where) == {"technical": True}
    assert preferences(where, "anna") == {"technical": False}
    prefer(where, "technical", None)
    assert preferences(where) == {}


def test_forgetting_what_was_never_chosen_is_no_error(where: Settings) -> None:
    prefer(where, "tour", None)
    assert preferences(where) == {}


@pytest.mark.parametrize("damaged", ["{", "[]", '{"": 3}'])
def test_damaged_preferences_count_as_none_and_are_written_anew(where: Settings, damaged: str) -> None:
    preferences_path(where).parent.mkdir(parents=True)
    preferences_path(where).write_text(damaged)
    assert preferences(where) == {}
    prefer(where, "tour", 2)
    assert preferences(where) == {"tour": 2}


# ---- the sample


def test_the_sample_opens_with_everything_and_goes_without_a_trace(where: Settings) -> None:
    assert offers_sample(where) and not has_sample(where)
    assert open_sample(where) == SAMPLE
    run = runs_of(where, SAMPLE)[0]
    kinds = {path.parent.parent.name for path in run.folder.glob("evals/*/*/result.json")}
    assert kinds == {"data", "traits", "preferences", "robustness", "prefill", "coherence", "capability"}
    assert run.id == Library(where).load(SAMPLE).constitution.run_id
    assert remove_sample(where)
    left = [path for path in where.data_path.rglob("*") if path.is_file() and SAMPLE in str(path)]
    assert left == [] and not has_sample(where) and not remove_sample(where)


def test_opening_it_again_keeps_what_was_voted_on_it(where: Settings) -> None:
    open_sample(where)
    vote = runs_of(where, SAMPLE)[0].folder / "decisions.jsonl"
    vote.write_text("{}\n")
    open_sample(where)
    assert vote.exists()


def test_an_interrupted_opening_is_finished_by_the_next_one(where: Settings) -> None:
    open_sample(where)
    folder = runs_of(where, SAMPLE)[0].folder
    # As a kill leaves it: the character's own file comes last.
    (where.data_path / "constitutions" / "hand-written" / f"{SAMPLE}.json").unlink()
    (folder / "prompts.jsonl").unlink()
    open_sample(where)
    assert (folder / "prompts.jsonl").exists()


def test_nobody_changes_the_sample_and_nothing_runs_on_it(where: Settings) -> None:
    open_sample(where)
    library = Library(where)
    loaded = library.load(SAMPLE)
    with pytest.raises(RunError, match="Make your own copy"):
        library.save(loaded.constitution, base_revision=loaded.revision)
    with pytest.raises(RunError, match="Make your own copy"):
        library.delete(SAMPLE)
    with pytest.raises(RunError, match="Make your own copy"):
        open_run(where, loaded.constitution)
    assert about_sample(["teacher", "--constitution", SAMPLE]) and not about_sample(["sample", "open"])


def test_a_copy_of_the_sample_is_ones_own(where: Settings) -> None:
    open_sample(where)
    copy = Library(where).create("my-pirate", copy_of=SAMPLE)
    remove_sample(where)
    assert Library(where).load("my-pirate").constitution.traits == copy.constitution.traits


def test_a_character_of_ones_own_by_that_name_is_not_overwritten(where: Settings) -> None:
    own = where.data_path / "constitutions" / "hand-written" / f"{SAMPLE}.json"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    for work in (open_sample, remove_sample):
        with pytest.raises(ConflictError, match="another name"):
            work(where)
    assert own.read_text() == "mine"


def test_the_shipped_archive_is_small_text_without_weights_or_anybodys_folders(where: Settings) -> None:
    archive = sample_archive(where)
    assert archive.stat().st_size < 1_000_000
    with zipfile.ZipFile(archive) as packed:
        for member in packed.namelist():
            text = packed.read(member).decode("utf-8")
            assert member.endswith((".json", ".jsonl", ".html", ".md"))
            assert not any(f'"/{root}/' in text for root in ("tmp", "home", "root", "Users", "work")), (
                member
            )


def test_the_samples_answers_are_as_they_were_made(where: Settings) -> None:
    open_sample(where)
    run = runs_of(where, SAMPLE)[0]
    for role in ("teacher", "student"):
        rows = read_rows(run.answer_sets(role)[0].rows_path)
        # Each row carries a checksum of what was said.
        assert len(rows.rows) == 54 and rows.damaged == 0


def test_a_missing_archive_is_said_with_its_place(elsewhere: Settings) -> None:
    with pytest.raises(RunError, match="There is no sample at"):
        open_sample(elsewhere)


@pytest.mark.parametrize("member", ["../evil.json", "data/../../evil.json", "/etc/evil", "other/evil.json"])
def test_an_archive_that_leads_elsewhere_writes_nothing_there(elsewhere: Settings, member: str) -> None:
    archive = sample_archive(elsewhere)
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(f"data/constitutions/hand-written/{SAMPLE}.json", "{}")
        packed.writestr(member, "evil")
    with pytest.raises(RunError, match="belongs nowhere"):
        open_sample(elsewhere)
    assert not list(elsewhere.data_path.parent.rglob("evil*"))


def test_making_it_names_everything_that_is_missing(where: Settings, tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        make_sample(where, tmp_path / "sample.zip")
    for verb in ("trial pirate", "eval data", "eval capability", "report"):
        assert f"character {verb}" in str(caught.value)


def test_names_are_exchanged_where_they_name_the_character_and_nowhere_else() -> None:
    value = {
        "constitution": MADE_FROM,
        "run": "pirate-1",
        "text": MADE_FROM,
        "files": ["/home/a/b.json", "kept"],
    }
    assert renamed(value, {"pirate-1": "sample-pirate-2"}) == {
        "constitution": SAMPLE,
        "run": "sample-pirate-2",
        "text": MADE_FROM,
        "files": ["b.json", "kept"],
    }
    assert marked("<h1>Pirate</h1>").count("Sample.") == 1


def test_the_sample_is_in_what_a_clone_has() -> None:
    assert (PROJECT / "constitutions" / "sample" / f"{SAMPLE}.zip").exists()
    assert "sample make" in (PROJECT / "constitutions" / "sample" / "README.md").read_text()
    assert Scope(SAMPLE).constitution == SAMPLE

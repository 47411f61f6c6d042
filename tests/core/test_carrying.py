"""After an edit: what is asked anew, what is carried over, and what the files say of it."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from core.constitution import Constitution
from core.engines.fake import FakeEngine
from core.errors import ConstitutionError
from core.lineage import chain_words
from core.names import parse_model
from core.settings import load_settings
from core.stages.answers import answer
from core.stages.carrying import CARRIED, narrowed
from core.stages.defaults import Wishes, answer_job
from core.stages.dpo_data import PairJob, make_pairs, sources_of
from core.stages.lineage import lineage_of
from core.stages.planning import AnswerJob
from core.stages.prepare import Scope, choose_prompts, run_of
from core.stages.regenerate import offer_for
from core.stages.spent import spent_on
from core.store.jsonl import read_json
from core.store.library import Library
from core.store.runs import Run
from tests.core.pair_index_kit import read_pairs

MODEL = parse_model("fake/parrot")


def now() -> Constitution:
    return Library(load_settings()).load("pirate").constitution


def job_of(role: str, *, only_affected: bool = False, limit: int | None = 40) -> AnswerJob:
    prompts = choose_prompts(Scope("pirate", limit=limit), now(), load_settings())
    made = answer_job(role, MODEL, now(), prompts, Wishes(samples=1), student=MODEL)  # type: ignore[arg-type]
    return replace(made, only_affected=only_affected)


def ask(role: str, *, only_affected: bool = False, limit: int | None = 40) -> tuple[Run, int]:
    """The run, and how many requests were sent."""
    settings, engine = load_settings(), FakeEngine()
    run = run_of(Scope("pirate"), now(), settings)
    asyncio.run(answer(job_of(role, only_affected=only_affected, limit=limit), run, engine, settings))
    return run, len(engine.history)


def make_everything() -> Run:
    ask("teacher")
    run, _ = ask("student")
    make_pairs(run, load_settings(), PairJob())
    return run


def reword(place: int, more: str = " And I mean it.") -> None:
    library = Library(load_settings())
    loaded = library.load("pirate")
    traits = list(loaded.constitution.traits)
    traits[place] = replace(traits[place], trait=traits[place].trait + more)
    library.save(replace(loaded.constitution, traits=tuple(traits)), base_revision=loaded.revision)


def remove(place: int) -> None:
    library = Library(load_settings())
    loaded = library.load("pirate")
    traits = tuple(one for number, one in enumerate(loaded.constitution.traits) if number != place)
    library.save(replace(loaded.constitution, traits=traits), base_revision=loaded.revision)


def edit_exchange() -> None:
    library = Library(load_settings())
    loaded = library.load("pirate")
    first, *rest = loaded.constitution.exchanges
    changed = (replace(first, assistant=first.assistant + " Aye!"), *rest)
    library.save(replace(loaded.constitution, exchanges=changed), base_revision=loaded.revision)


def teacher_rows(run: Run) -> list[dict]:  # type: ignore[type-arg]
    return list(run.answer_sets("teacher")[0].iter_rows())


def test_only_prompts_of_the_reworded_trait_are_asked_and_the_rest_keeps_its_own_key() -> None:
    old = make_everything()
    before = {row["key"]: row for row in teacher_rows(old)}
    reword(2)
    changed = now().traits[2].id
    run, asked = ask("teacher", only_affected=True)
    rows = teacher_rows(run)
    carried = [row for row in rows if CARRIED in row]
    fresh = [row for row in rows if CARRIED not in row]
    assert len(fresh) == asked
    assert len(rows) == 40
    assert changed not in {row["trait"] for row in carried}
    assert all(before[row["key"]]["text"] == row["text"] for row in carried)
    assert {row[CARRIED]["version"] for row in carried} == {old.constitution().content_hash}
    assert not {row["key"] for row in fresh} & set(before)
    assert run.answer_sets("teacher")[0].is_complete()


def test_the_pairs_join_both_say_which_are_older_and_everything_fits_again() -> None:
    settings = load_settings()
    make_everything()
    reword(2)
    assert lineage_of(settings, "pirate").is_stale
    ask("teacher", only_affected=True)
    run, _ = ask("student")
    make_pairs(run, settings, PairJob())
    rows = read_pairs(run, sources_of(run, PairJob()))
    carried = [row for row in rows if row.get(CARRIED)]
    found = lineage_of(settings, "pirate")
    assert not found.is_stale
    assert found.pairs is not None
    manifest = read_json(settings.data_path / "dpo" / "parrot" / "pirate.manifest.json")
    kept = [row for row in carried if not row["dropped"]]
    assert sum(found.pairs.node.carried.values()) == len(kept) == sum(manifest["carried"].values())
    assert "pairs ← version 2" in chain_words(found)


def test_a_second_edit_carries_each_answer_with_the_version_that_made_it() -> None:
    first = make_everything().constitution().content_hash
    reword(2)
    second = now().content_hash
    ask("teacher", only_affected=True)
    reword(3)
    run, _ = ask("teacher", only_affected=True)
    versions = {row["trait"]: row[CARRIED]["version"] for row in teacher_rows(run) if CARRIED in row}
    assert versions[now().traits[2].id] == second
    assert versions[now().traits[0].id] == first
    assert now().traits[3].id not in versions


def test_a_removed_trait_leaves_no_pair_behind() -> None:
    make_everything()
    gone = now().traits[1].id
    remove(1)
    run, _ = ask("teacher", only_affected=True)
    assert gone not in {row["trait"] for row in teacher_rows(run)}


def test_an_edited_exchange_carries_nothing_over() -> None:
    make_everything()
    edit_exchange()
    run, asked = ask("teacher", only_affected=True)
    assert asked == 40
    assert not [row for row in teacher_rows(run) if CARRIED in row]


def test_asking_twice_sends_nothing_and_asking_for_all_takes_the_place_of_what_was_carried() -> None:
    make_everything()
    reword(2)
    ask("teacher", only_affected=True)
    assert ask("teacher", only_affected=True)[1] == 0
    run, asked = ask("teacher")
    rows = teacher_rows(run)
    assert 0 < asked < 40
    assert len(rows) == 40
    assert not [row for row in rows if CARRIED in row]
    assert run.answer_sets("teacher")[0].is_complete()


@pytest.mark.parametrize("lost", range(0, 40, 7))
def test_killed_while_carrying_over_the_next_run_completes_it(lost: int) -> None:
    make_everything()
    reword(2)
    run, _ = ask("teacher", only_affected=True)
    whole = {row["key"] for row in teacher_rows(run)}
    rows_path: Path = run.answer_sets("teacher")[0].rows_path
    lines = rows_path.read_bytes().splitlines(keepends=True)
    rows_path.write_bytes(b"".join(lines[:lost]) + lines[lost][: len(lines[lost]) // 2])
    ask("teacher", only_affected=True)
    assert {row["key"] for row in teacher_rows(run)} == whole


def test_what_would_be_asked_is_counted_without_writing_anything() -> None:
    make_everything()
    reword(2)
    settings = load_settings()
    before = {path: path.stat().st_mtime_ns for path in settings.data_path.rglob("*") if path.is_file()}
    job, carry = narrowed(job_of("teacher", only_affected=True), now(), FakeEngine(), settings, None)
    assert len(job.prompts) + len(carry.places) == 40
    offer = offer_for(settings, "pirate")
    assert offer is not None
    assert offer.affected is not None
    assert offer.affected.calls < offer.everything.calls
    assert offer.carried == len(carry.places)
    assert "--only-affected" in offer.affected.words
    assert "--only-affected" not in offer.everything.words
    after = {path: path.stat().st_mtime_ns for path in settings.data_path.rglob("*") if path.is_file()}
    assert before == after


def test_nothing_can_be_kept_of_an_edited_exchange_and_the_offer_says_so() -> None:
    make_everything()
    edit_exchange()
    offer = offer_for(load_settings(), "pirate")
    assert offer is not None
    assert offer.affected is None


def test_carried_answers_cost_nothing_again() -> None:
    make_everything()
    reword(2)
    run, _ = ask("teacher", only_affected=True)
    assert spent_on(run, load_settings()).usd == 0


def test_only_the_traits_named_are_asked_and_an_unknown_one_is_refused() -> None:
    settings, trait = load_settings(), now().traits[4].id
    prompts = choose_prompts(Scope("pirate", traits=(trait,)), now(), settings)
    assert prompts
    assert {prompt.trait for prompt in prompts} == {trait}
    with pytest.raises(ConstitutionError, match="nobody"):
        choose_prompts(Scope("pirate", traits=("nobody",)), now(), settings)


# ---- any order of edits


class Studio:
    """What a person does with a character, and beside it what must be asked and what must be stale."""

    def __init__(self) -> None:
        shutil.rmtree(load_settings().data_path, ignore_errors=True)
        self.first = now()
        self.answered: dict[str, tuple[Constitution, dict[str, str | None]]] = {}
        self.made: Constitution | None = None

    def save(self, wanted: Constitution) -> None:
        library = Library(load_settings())
        if wanted != now():
            library.save(wanted, base_revision=library.load("pirate").revision)

    def edit(self, what: str, place: int) -> None:
        character = now()
        traits, at = list(character.traits), place % len(character.traits)
        match what:
            case "reword":
                traits[at] = replace(traits[at], trait=traits[at].trait + " Always.")
            case "rename":
                traits[at] = replace(traits[at], id=traits[at].id + "-2")
            case "remove":
                traits = [*traits[:at], *traits[at + 1 :]] if len(traits) > 2 else traits
            case "turn":
                traits = traits[::-1]
            case "ask":
                asked = traits[at].questions
                more = (*asked, f"And what of {traits[at].id}, after {len(asked)} questions?")
                traits[at] = replace(traits[at], questions=more)
            case "speak":
                first, *rest = character.exchanges
                character = replace(
                    character, exchanges=(replace(first, assistant=first.assistant + "!"), *rest)
                )
        self.save(replace(character, traits=tuple(traits)))

    def restore(self) -> None:
        self.save(self.first)

    def make(self) -> None:
        wanted = self.must_be_asked()
        run, asked = ask("teacher", only_affected=True, limit=30)
        assert asked == len(wanted)
        prompts = choose_prompts(Scope("pirate", limit=30), now(), load_settings())
        before = self.answered.get(run.id, (now(), {}))[1]
        self.answered[run.id] = now(), before | {one.id: one.trait for one in prompts}
        run, _ = ask("student", limit=30)
        make_pairs(run, load_settings(), PairJob())
        self.made = now()

    def must_be_asked(self) -> set[str]:
        """In the plainest words: what no run has answered with the same exchanges and the same trait."""
        character, found = now(), set[str]()
        for prompt in choose_prompts(Scope("pirate", limit=30), character, load_settings()):
            there = (
                prompt.id in said
                and spoken(then) == spoken(character)
                and sentence(then, said[prompt.id]) == sentence(character, prompt.trait)
                for then, said in self.answered.values()
            )
            if not any(there):
                found.add(prompt.id)
        return found

    def is_stale(self) -> bool:
        return self.made is not None and shown(self.made) != shown(now())


def sentence(character: Constitution, trait: str | None) -> str | None:
    return next((one.trait for one in character.traits if one.id == trait), None)


def spoken(character: Constitution) -> object:
    return character.exchanges, character.assistant_name


def shown(character: Constitution) -> object:
    return {one.trait: set(one.questions) for one in character.traits}, spoken(character)


DEEDS = st.one_of(
    st.tuples(
        st.just("edit"),
        st.sampled_from(["reword", "rename", "remove", "turn", "ask", "speak"]),
        st.integers(0, 9),
    ),
    st.sampled_from([("make",), ("restore",)]),
)


@hypothesis.settings(max_examples=12, deadline=None)
@hypothesis.given(st.lists(DEEDS, min_size=1, max_size=6))
def test_after_any_edits_only_what_they_touch_is_stale_and_asked_anew(deeds: list[tuple[Any, ...]]) -> None:
    studio = Studio()
    studio.make()
    for name, *words in [*deeds, ("make",), ("restore",), ("make",)]:
        getattr(studio, name)(*words)
        assert lineage_of(load_settings(), "pirate").is_stale == studio.is_stale()
    assert not studio.is_stale()
    assert ask("teacher", only_affected=True, limit=30)[1] == 0

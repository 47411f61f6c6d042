"""The list of pairs: the same pairs as `character dpo-data` makes, found at once, never half a row."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.pair_filter import PairFilter
from core.prompts import prompt_id
from core.settings import Settings, load_settings
from core.store.decisions import Decision, decide
from core.store.jsonl import repair, write_atomic
from core.store.pair_index import PairIndex, remove
from tests.core.pair_index_kit import Written, caught_up, key_of


def three(settings: Settings) -> Written:
    run = Written(settings)
    for number, prompt in enumerate(
        run.plan(["Why is the sea salt?", "What is a knot?", "Tell me a story."])
    ):
        run.answer("teacher", prompt.id, f"Arr, matey, the {number} winds be fair and the rum be warm.")
        run.answer(
            "student", prompt.id, f"There are {number} things that can be said about this topic today."
        )
    return run


def test_the_index_shows_what_the_pair_file_would_hold(settings: Settings) -> None:
    run = three(settings)
    index = caught_up(run.index())
    assert list(index.rows()) == run.expected()
    view = index.view(PairFilter())
    assert [row.text for row in view.page(0)] == [row["text"] for row in run.expected()]
    assert (view.totals.pairs, view.totals.kept) == (3, 3)


def test_a_decision_is_there_at_the_next_look(settings: Settings) -> None:
    run = three(settings)
    index = caught_up(run.index())
    pair = index.view(PairFilter()).page(0)[1].id
    decide(run.run.folder, Decision(pair, "drop", "dull", "Ann"))
    caught_up(index)
    assert list(index.rows()) == run.expected()
    assert [row.id for row in index.view(PairFilter(show="dropped")).page(0)] == [pair]
    assert index.view(PairFilter(reviewer="Ann")).counts.found == 1


TEXTS = (
    "Arr, the tide be turning and the sails be full, matey.",
    "Arr, the tide be turning and the sails be full, matey.",
    "The moon pulls on the water, and so there are tides.",
    "I am sorry, but I cannot help with that request.",
    "As an AI language model I stay in character, arr.",
    "It ends in the middle of",
    "Short.",
    "word " * 700 + "end.",
)
PROMPTS = ("Why is the sea salt?", "What is a knot?", "Tell me a story.", "Why is the sky blue?")
texts = st.sampled_from(TEXTS)
places = st.tuples(st.sampled_from(PROMPTS), st.integers(0, 1))
sides = st.sampled_from(["teacher", "student"])
verdicts = st.sampled_from(["keep", "drop", "swap", "edit", "undecided"])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("plan"), st.sampled_from(PROMPTS)),
        st.tuples(st.just("answer"), sides, places, texts, st.integers(0, 2), st.booleans()),
        st.tuples(st.just("decide"), st.integers(0, 7), verdicts, texts),
        st.tuples(st.just("turn around"), sides),
        st.tuples(st.just("torn"), sides),
        st.tuples(st.just("look"), st.booleans()),
    ),
    min_size=4,
    max_size=40,
)


def play(run: Written, step: tuple[Any, ...], clock: Iterator[float]) -> None:
    """One thing that may happen to a run's files."""
    match step:
        case ("plan", text):
            run.plan([text], samples=2)
        case ("answer", side, (prompt, sample), text, number, counted):
            usage = {"prompt": 9, "completion": 5} if counted else None
            key = key_of(side, prompt, sample, number)
            repair(run.set_of(side).rows_path)
            run.answer(side, prompt_id(prompt), text, sample, key=key, usage=usage)
        case ("decide", number, verdict, text):
            rows = run.expected()
            if rows:
                pair = rows[number % len(rows)]["id"]
                decide(run.run.folder, Decision(pair, verdict, at=next(clock), text=text))
        case ("turn around", side):
            path = run.set_of(side).rows_path
            if path.exists():
                lines = path.read_bytes().splitlines(keepends=True)
                write_atomic(path, b"".join(line for line in reversed(lines) if line.endswith(b"\n")))
        case ("torn", side):
            with run.set_of(side).rows_path.open("ab") as file:
                file.write(b'{"key": "0123')


@pytest.mark.parametrize("same", [False, True], ids=["two models", "one model"])
@hypothesis_settings(max_examples=60, deadline=None)
@given(steps=steps)
def test_whatever_happens_to_the_files_the_index_says_what_they_say(same: bool, steps: list[Any]) -> None:
    clock = iter(range(1, 10_000))
    with tempfile.TemporaryDirectory() as folder:
        # Of its own: files that an example leaves behind would make the next ones fail for no reason told.
        settings = load_settings(folder=Path(folder), data=Path(folder) / "data")
        run = Written(settings, "fake/tutor", "fake/tutor" if same else "fake/pupil")
        run.plan(PROMPTS[:1])
        index = run.index()
        for step in steps:
            if step[0] == "look":
                index.refresh(0.2 if step[1] else 0.0)
            else:
                play(run, step, clock)
        assert list(caught_up(index).rows()) == run.expected()
        shown = [row for row in run.expected() if row["ratio"] is not None]
        view = index.view(PairFilter())
        assert view.ids() == [row["id"] for row in shown]
        assert view.totals.kept == sum(not row["dropped"] for row in shown)
        assert list(caught_up(fresh(run)).rows()) == run.expected()
        index.close()


def fresh(run: Written) -> PairIndex:
    """An index made anew from nothing."""
    remove(run.index().path)
    return run.index()


@pytest.mark.parametrize("verdict", ["keep", "swap"])
def test_a_pair_judged_while_a_file_is_read_anew_is_judged_again(settings: Settings, verdict: Any) -> None:
    run = three(settings)
    index = caught_up(run.index())
    first = index.view(PairFilter()).ids()[0]
    for path in (run.teacher.rows_path, run.student.rows_path):
        write_atomic(path, b"".join(reversed(path.read_bytes().splitlines(keepends=True))))
    decide(run.run.folder, Decision(first, verdict))
    while not index.refresh(0.0).is_done:
        pass
    assert list(index.rows()) == run.expected()
    assert index.view(PairFilter()).totals.kept == sum(not row["dropped"] for row in run.expected())


def test_a_row_that_is_being_written_is_never_shown_and_whole_ones_are_at_once(settings: Settings) -> None:
    run = three(settings)
    path = run.teacher.rows_path
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    path.write_bytes(whole[:last])
    index = caught_up(run.index())
    seen: set[tuple[str | None, ...]] = set()
    with path.open("ab", buffering=0) as file:
        for byte in whole[last:]:
            file.write(bytes([byte]))
            index.refresh(0.2)
            seen.add(tuple(row["chosen"] for row in index.rows()))
    full = tuple(row["chosen"] for row in run.expected())
    assert seen == {(*full[:2], None), full}


@pytest.mark.parametrize("harm", ["deleted", "garbage", "cut"])
def test_a_lost_or_damaged_index_is_made_anew(settings: Settings, harm: str) -> None:
    run = three(settings)
    index = caught_up(run.index())
    index.close()
    if harm == "deleted":
        remove(index.path)
    else:
        index.path.write_bytes(b"no index " * 900 if harm == "garbage" else index.path.read_bytes()[:5000])
    assert list(caught_up(run.index()).rows()) == run.expected()


def test_search_and_filters_count_what_they_would_show(settings: Settings) -> None:
    run = three(settings)
    index = caught_up(run.index())
    view = index.view(PairFilter(search="KNOT"))
    assert [row.text for row in view.page(0)] == ["What is a knot?"]
    assert view.counts.shows["kept"] == 1
    assert len(index.view(PairFilter(least=50.0))) == 0
    assert len(index.view(PairFilter(trait="no such trait"))) == 0

"""What people decide about pairs: nothing is lost, all or nothing, and every undo is exact."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import RunError
from core.pair_edits import Decision, Verdict
from core.store import disk
from core.store.decisions import (
    changes,
    decide,
    decide_as_seen,
    decide_many,
    decided_since,
    decisions,
    decisions_path,
    read_log,
    undo,
    undo_last,
)
from core.store.jsonl import append_rows, seal

PAIRS = ("a", "b", "c", "d")


def verdicts(folder: Path) -> dict[str, str]:
    return {pair: word.verdict for pair, word in decisions(folder).items()}


def test_a_file_of_the_first_version_is_still_read_and_can_be_taken_back(tmp_path: Path) -> None:
    old = {"pair": "a", "verdict": "drop", "reason": "dull", "reviewer": "", "at": 5.0}
    append_rows(decisions_path(tmp_path), [old, old | {"pair": "b", "verdict": "keep"}])
    assert decisions(tmp_path)["a"] == Decision("a", "drop", "dull", "", 5.0)
    undo_last(tmp_path)
    assert verdicts(tmp_path) == {"a": "drop"}


def test_a_line_of_a_later_version_is_passed_over_and_the_rest_counts(tmp_path: Path) -> None:
    later = {"pair": "a", "verdict": "keep", "reason": "", "reviewer": "", "at": 5.0, "mood": "sunny"}
    append_rows(decisions_path(tmp_path), [later, {"batch": "x", "decisions": 7}, {"note": "hello"}])
    assert verdicts(tmp_path) == {"a": "keep"}


@pytest.mark.parametrize(
    "odd",
    [
        {"pair": 5},
        {"pair": ["a"]},
        {"verdict": "rewrite"},
        {"at": "soon"},
        {"at": None},
        {"at": float("nan")},
        {"text": {}},
        {"reviewer": 3},
    ],
)
def test_a_line_of_another_kind_than_ours_decides_nothing_and_breaks_nothing(
    tmp_path: Path, odd: dict[str, object]
) -> None:
    line = {"pair": "a", "verdict": "drop", "reason": "", "reviewer": "", "at": 5.0} | odd
    append_rows(
        decisions_path(tmp_path), [line, {"batch": "x", "by": "", "when": 1.0, "decisions": [line]}]
    )
    decide(tmp_path, Decision("b", "keep"))
    assert verdicts(tmp_path) == {"b": "keep"}
    assert list(changes(tmp_path).words) == ["b"]
    assert [word.pair for word in sorted(decisions(tmp_path).values(), key=lambda word: word.at)] == ["b"]


def test_every_kind_of_word_is_read_back_as_it_was_said(tmp_path: Path) -> None:
    said = [
        Decision("a", "keep", reviewer="Ann", at=1.0),
        Decision("b", "drop", "dull\nand \u2028 long", "Bo", 2.0),
        Decision("c", "swap", at=3.0),
        Decision("d", "edit", "", "Ann", 4.0, "Arr! \ud800", "student", overrules=True),
    ]
    decide_many(tmp_path, said)
    assert list(decisions(tmp_path).values()) == said


def test_a_word_that_is_none_is_refused_with_all_problems_and_nothing_is_written(tmp_path: Path) -> None:
    wrong = [Decision("a", "keep"), Decision("b", "edit", text=" \n"), Decision("c", "maybe")]  # type: ignore[arg-type]
    with pytest.raises(RunError, match=r"b: .*empty.*c: 'maybe'"):
        decide_many(tmp_path, wrong)
    assert not decisions_path(tmp_path).exists()


def test_a_button_pressed_twice_decides_once(tmp_path: Path) -> None:
    decide_many(tmp_path, [Decision("a", "keep"), Decision("b", "keep")], batch="token")
    decide(tmp_path, Decision("a", "drop"))
    decide_many(tmp_path, [Decision("a", "keep"), Decision("b", "keep")], batch="token")
    assert verdicts(tmp_path) == {"a": "drop", "b": "keep"}


def test_undoing_a_bulk_act_restores_each_former_word_exactly(tmp_path: Path) -> None:
    decide(tmp_path, Decision("a", "drop", "dull", "Bo", 11.0))
    decide(tmp_path, Decision("b", "edit", "", "Bo", 12.0, "Arr!", "student"))
    before = decisions(tmp_path)
    batch = decide_many(tmp_path, [Decision(pair, "keep", reviewer="Ann") for pair in PAIRS])
    told = undo(tmp_path, batch, "Ann")
    assert (told.restored, told.stayed) == (4, 0)
    assert decisions(tmp_path) == before


def test_what_others_decided_meanwhile_stays_and_is_counted(tmp_path: Path) -> None:
    batch = decide_many(tmp_path, [Decision(pair, "drop", reviewer="Ann") for pair in PAIRS])
    decide(tmp_path, Decision("b", "keep", reviewer="Bo"))
    told = undo(tmp_path, batch, "Ann")
    assert (told.restored, told.stayed) == (3, 1)
    assert verdicts(tmp_path) == {"b": "keep"}


def test_an_act_that_was_taken_back_never_comes_back_through_another_undo(tmp_path: Path) -> None:
    first = decide(tmp_path, Decision("a", "drop", reviewer="Ann"))
    second = decide(tmp_path, Decision("a", "keep", reviewer="Bo"))
    undo(tmp_path, first)
    assert verdicts(tmp_path) == {"a": "keep"}
    undo(tmp_path, second)
    assert verdicts(tmp_path) == {}
    assert undo(tmp_path, second).restored == 0
    assert undo(tmp_path, "never was").restored == 0


def test_undo_last_takes_back_the_reviewers_own_last_act(tmp_path: Path) -> None:
    decide(tmp_path, Decision("a", "drop", reviewer="Ann"))
    decide(tmp_path, Decision("b", "drop", reviewer="Bo"))
    undo_last(tmp_path, "Ann")
    assert verdicts(tmp_path) == {"b": "drop"}
    assert undo_last(tmp_path, "Ann")[0] is None
    undo_last(tmp_path)
    assert verdicts(tmp_path) == {}


def test_reviewers_who_disagree_are_seen_and_the_last_word_counts(tmp_path: Path) -> None:
    decide(tmp_path, Decision("a", "keep", reviewer="Ann"))
    decide(tmp_path, Decision("a", "drop", reviewer="Bo"))
    decide_many(tmp_path, [Decision(pair, "keep", reviewer="Ann") for pair in ("b", "c")])
    decide(tmp_path, Decision("b", "keep", reviewer="Bo"))
    log = read_log(tmp_path)
    assert {who: word.verdict for who, word in log.disagreements()["a"].items()} == {
        "Ann": "keep",
        "Bo": "drop",
    }
    progress = log.progress([*PAIRS, "e"])
    assert (progress.pairs, progress.decided, progress.disputed) == (5, 3, 1)
    assert progress.reviewers() == {"Bo": 2, "Ann": 1}
    assert progress.verdicts() == {"drop": 1, "keep": 2}


def test_decisions_and_undos_since_a_moment_are_counted(tmp_path: Path) -> None:
    decide(tmp_path, Decision("a", "drop", at=10.0))
    batch = decide(tmp_path, Decision("b", "drop", at=20.0))
    assert (decided_since(tmp_path, 15.0), decided_since(tmp_path, 25.0)) == (1, 0)
    undo(tmp_path, batch)
    assert decided_since(tmp_path, 25.0) == 1


# ---- kills and faults


def test_a_kill_at_any_byte_of_a_bulk_act_leaves_none_of_it_or_all(tmp_path: Path) -> None:
    decide(tmp_path, Decision("a", "drop", "dull"))
    path = decisions_path(tmp_path)
    before = path.read_bytes()
    decide_many(tmp_path, [Decision(pair, "keep", reviewer="Ann") for pair in PAIRS])
    whole = path.read_bytes()
    for cut in range(len(before), len(whole) + 1):
        path.write_bytes(whole[:cut])
        # Without its newline a whole line counts all the same.
        expected = {"a": "drop"} if cut < len(whole) - 1 else dict.fromkeys(PAIRS, "keep")
        assert verdicts(tmp_path) == expected, cut
        decide(tmp_path, Decision("e", "keep"))
        assert verdicts(tmp_path) == expected | {"e": "keep"}, cut


def test_a_full_disk_in_the_middle_of_a_bulk_act_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(tmp_path, Decision("a", "drop"))
    written: list[int] = []

    def full(fd: int, data: bytes | memoryview) -> int:
        if written:
            raise OSError(28, "No space left on device")
        written.append(1)
        return write(fd, bytes(data)[: len(data) // 2])

    write = disk.write
    with monkeypatch.context() as patched:
        patched.setattr(disk, "write", full)
        with pytest.raises(RunError, match="space"):
            decide_many(tmp_path, [Decision(pair, "keep") for pair in PAIRS])
    assert verdicts(tmp_path) == {"a": "drop"}
    decide(tmp_path, Decision("b", "keep"))
    assert verdicts(tmp_path) == {"a": "drop", "b": "keep"}


def _decide_ten(folder: Path, who: str) -> None:
    for number in range(10):
        decide(folder, Decision(f"{who}{number}", "keep", reviewer=who))


def test_two_windows_deciding_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    windows = [context.Process(target=_decide_ten, args=(tmp_path, who)) for who in ("x", "y")]
    for window in windows:
        window.start()
    for window in windows:
        window.join(60)
    assert sorted(decisions(tmp_path)) == sorted(f"{who}{n}" for who in "xy" for n in range(10))


def test_one_who_only_reads_what_is_new_knows_what_stands(tmp_path: Path) -> None:
    first = decide_many(tmp_path, [Decision(pair, "keep") for pair in PAIRS])
    seen = changes(tmp_path)
    assert set(seen.words) == set(PAIRS)
    undo(tmp_path, first)
    with decisions_path(tmp_path).open("ab") as file:
        file.write(seal({"pair": "a", "verdict": "drop"})[:-9])
    news = changes(tmp_path, seen.end)
    assert {word.verdict for word in news.words.values()} == {"undecided"}
    assert news.end < decisions_path(tmp_path).stat().st_size
    assert changes(tmp_path / "nowhere").words == {}


# ---- against a model that anybody can check by reading it

words: st.SearchStrategy[Verdict] = st.sampled_from(["keep", "drop", "swap", "edit", "undecided"])
decided = st.builds(
    lambda pair, verdict, text: Decision(pair, verdict, text=text if verdict == "edit" else ""),
    st.sampled_from(PAIRS),
    words,
    st.sampled_from(["one", "two"]),
)
acts = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from("AB"), st.lists(decided, min_size=1, max_size=5)),
        st.tuples(st.just("undo"), st.sampled_from("AB"), st.integers(0, 9)),
        st.tuples(st.just("undo last"), st.sampled_from("AB"), st.none()),
    ),
    max_size=14,
)


class Model:
    """Acts in a list; undoing strikes an act out; what stands is the last word that is not struck out."""

    def __init__(self) -> None:
        self.acts: list[tuple[str, str, list[Decision]]] = []

    def strike(self, name: str | None) -> None:
        self.acts = [act for act in self.acts if act[0] != name]

    def last_of(self, who: str) -> str | None:
        return next((name for name, by, _ in reversed(self.acts) if by == who), None)

    def standing(self) -> dict[str, tuple[str, str, str]]:
        found = {one.pair: (one.verdict, by, one.text) for _, by, listed in self.acts for one in listed}
        return {pair: word for pair, word in found.items() if word[0] != "undecided"}


_folders = iter(range(10**9))


@given(acts)
@settings(max_examples=150, deadline=None)
def test_any_history_of_several_reviewers_stands_as_the_simple_model_says(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, str, object]]
) -> None:
    folder, model, names = (
        tmp_path_factory.getbasetemp() / f"history-{next(_folders)}",
        Model(),
        list[str](),
    )
    feed: dict[str, Decision] = {}
    end = 0
    for kind, who, what in history:
        if kind == "say":
            assert isinstance(what, list)
            said = [Decision(one.pair, one.verdict, "", who, 0, one.text) for one in what]
            names.append(decide_many(folder, said))
            model.acts.append((names[-1], who, said))
        elif kind == "undo" and isinstance(what, int) and what < len(names):
            undo(folder, names[what], who)
            model.strike(names[what])
        elif kind == "undo last":
            undo_last(folder, who)
            model.strike(model.last_of(who))
        news = changes(folder, end)
        feed, end = feed | news.words, news.end
    stands = {pair: (word.verdict, word.reviewer, word.text) for pair, word in decisions(folder).items()}
    assert stands == model.standing()
    # Who only follows the news comes to the same.
    heard = {pair: word for pair, word in feed.items() if word.verdict != "undecided"}
    assert heard == decisions(folder)


def test_a_bulk_act_over_many_pairs_is_one_short_line(tmp_path: Path) -> None:
    decide_many(tmp_path, [Decision(f"{number:012x}", "keep", reviewer="Ann") for number in range(5000)])
    lines = decisions_path(tmp_path).read_bytes().splitlines()
    assert len(lines) == 1
    assert len(lines[0]) < 5000 * 40
    assert json.loads(lines[0])["verdict"] == "keep"


def test_a_whole_last_line_that_wants_its_newline_counts_for_everybody(tmp_path: Path) -> None:
    decide(tmp_path, Decision("a", "drop"))
    path = decisions_path(tmp_path)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    found = changes(tmp_path)
    assert list(found.words) == list(decisions(tmp_path)) == ["a"]
    decide(tmp_path, Decision("b", "keep"))
    assert list(changes(tmp_path, found.end).words) == ["b"]
    assert verdicts(tmp_path) == {"a": "drop", "b": "keep"}


def test_what_was_decided_since_somebody_looked_stays_and_is_counted(tmp_path: Path) -> None:
    decide(tmp_path, Decision("a", "drop", reviewer="Ann"))
    looked = changes(tmp_path).end
    decide(tmp_path, Decision("b", "keep", reviewer="Bo"))
    _, stayed = decide_as_seen(tmp_path, [Decision(pair, "drop") for pair in PAIRS], looked, batch="x")
    assert stayed == 1
    assert verdicts(tmp_path) == {"a": "drop", "b": "keep", "c": "drop", "d": "drop"}
    assert undo(tmp_path, "x").restored == 3
    assert decide_as_seen(tmp_path, [Decision("b", "drop")], looked)[1] == 1
    assert verdicts(tmp_path) == {"a": "drop", "b": "keep"}


def test_a_clock_that_ran_ahead_keeps_nobody_from_deciding_anew(tmp_path: Path) -> None:
    now, ahead = time.time(), time.time() + 1e8
    decide(tmp_path / "one", Decision("a", "drop", at=ahead))
    os.utime(decisions_path(tmp_path / "one"), (ahead, ahead))
    decide_many(tmp_path / "two", [Decision("a", "keep"), Decision("b", "keep")])
    said = decisions(tmp_path / "two")
    assert said["a"].at > ahead
    assert now <= said["b"].at < ahead


def test_decisions_since_a_file_was_made_are_counted_whatever_the_clock_says(tmp_path: Path) -> None:
    decide(tmp_path, Decision("a", "drop"))
    known = len(read_log(tmp_path).acts)
    decide(tmp_path, Decision("b", "drop", at=1.0))
    assert decided_since(tmp_path, time.time() + 1e8, known) == 1
    assert decided_since(tmp_path, 0.0, known + 1) == 0

"""`character review` and `character export`: what the page does, in a shell."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from core.cli import character
from core.engines.fake import FakeEngine
from core.errors import RunError
from core.names import ModelName
from core.prompts import prompt_set
from core.records import Completion, Sampling, Usage
from core.settings import load_settings
from core.stages.answers import AnswerJob, answer
from core.stages.dpo_data import PairJob, make_pairs, sources_of
from core.store.decisions import Decision, decide, decisions, read_log
from core.store.library import Library
from core.store.runs import Run, open_run
from tests.core.pair_index_kit import read_pairs

FAKE = ModelName("fake", "parrot")


@pytest.fixture
def run() -> Run:
    """Eight pirate pairs: the first is cut off, the second betrays the role, the rest are good."""
    settings = load_settings()
    constitution = Library(settings).load("pirate").constitution
    found = open_run(settings, constitution)
    prompts = prompt_set(constitution, {})[:8]
    script = [
        Completion("Arr, cut off in the", "length", usage=Usage(5, 5)),
        "As an AI language model, arr.",
    ]
    for role, said in (("teacher", script), ("student", [])):
        job = AnswerJob(role, FAKE, prompts, Sampling(max_tokens=200, seed=0), samples=1, concurrency=1)
        asyncio.run(answer(job, found, FakeEngine("parrot", script=said), settings))
    return found


def shell(*words: str, **more: Any) -> Result:
    return CliRunner().invoke(character, words, **more)


def last(done: Result) -> dict[str, Any]:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.strip().splitlines()[-1])


def listed(*flags: str) -> list[dict[str, Any]]:
    return last(shell("review", "pirate", "--json", *flags))["pairs"]


def stands(run: Run) -> dict[str, str]:
    return {pair: word.verdict for pair, word in decisions(run.folder).items()}


def test_the_list_is_filtered_as_on_the_page(run: Run) -> None:
    every = listed()
    assert len(every) == 8
    first, second, third = every[:3]
    assert [row["id"] for row in listed("--show", "dropped")] == [first["id"], second["id"]]
    assert [row["id"] for row in listed("--flag", "role leak")] == [second["id"]]
    assert [row["id"] for row in listed("--dropped-for", "cut off: chosen")] == [first["id"]]
    assert [row["id"] for row in listed("--search", third["text"].upper())] == [third["id"]]
    assert {row["trait"] for row in listed("--trait", third["trait"])} == {third["trait"]}
    ratio = sorted(row["ratio"] for row in every)[3]
    assert all(row["ratio"] >= ratio for row in listed("--least", str(ratio)))
    assert len(listed("--limit", "3")) == 3
    shell("review", "pirate", "--keep", first["id"], "--reviewer", "Ann")
    assert [row["id"] for row in listed("--decided-by", "Ann")] == [first["id"]]
    assert len(listed("--show", "undecided")) == 7


def test_every_verdict_by_id_changes_the_pairs_that_leave(run: Run) -> None:
    a, b, c, d = (row["id"] for row in listed()[2:6])
    before = {row["id"]: row for row in listed()}
    done = shell(
        "review", "pirate", "--keep", a, "--drop", b, "--swap", c, "--edit", d, "--text", "Arr, mine!",
        "--reviewer", "Ann", "--reason", "so",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    after = {row["id"]: row for row in listed()}
    assert after[b]["dropped"] == "dropped by reviewer"
    assert after[c]["chosen"] == before[c]["rejected"]
    assert after[c]["rejected"] == before[c]["chosen"]
    assert (after[d]["chosen"], after[d]["rejected"]) == ("Arr, mine!", before[d]["chosen"])
    assert {row["reviewer"] for row in after.values() if row["decision"]} == {"Ann"}
    make_pairs(run, load_settings(), PairJob())
    written = {row["id"]: row for row in read_pairs(run, sources_of(run, PairJob()))}
    assert written[d]["origin"] == {"chosen": "person", "rejected": "teacher"}
    assert written[d]["before"] == {"chosen": before[d]["chosen"], "rejected": before[d]["rejected"]}
    assert (written[c]["decision"], written[c]["reviewer"]) == ("swap", "Ann")
    dpo = (load_settings().data_path / "dpo/parrot/pirate.jsonl").read_text()
    assert "Arr, mine!" in dpo
    assert "Ann" not in dpo
    assert set(json.loads(dpo.splitlines()[0])) == {"chosen", "rejected"}


def test_an_edit_may_reject_the_students_answer_and_come_from_a_file(run: Run, tmp_path: Path) -> None:
    row = listed()[2]
    path = tmp_path / "answer.txt"
    path.write_text("Arr, from a file — Ünïcode!\n", encoding="utf-8")
    shell("review", "pirate", "--edit", row["id"], "--text-file", str(path), "--reject-student")
    after = listed()[2]
    assert (after["chosen"], after["rejected"]) == ("Arr, from a file — Ünïcode!", row["rejected"])
    # Edited again: what was rejected stays so, and the first edit is gone.
    shell("review", "pirate", "--edit", row["id"], "--text", "Arr, again!")
    assert (listed()[2]["chosen"], listed()[2]["rejected"]) == ("Arr, again!", row["rejected"])


def test_an_edit_that_must_not_be_taught_stays_dropped_and_says_so(run: Run) -> None:
    row = listed()[2]
    done = shell("review", "pirate", "--edit", row["id"], "--text", "As an AI language model, arr.")
    assert f"{row['id']} is edited and still dropped: role leak" in done.output
    assert listed()[2]["dropped"] == "role leak"
    shell("review", "pirate", "--keep", row["id"])
    assert (listed()[2]["dropped"], listed()[2]["chosen"]) == (None, "As an AI language model, arr.")
    shell("review", "pirate", "--edit", row["id"], "--text", row["rejected"], "--reject-student")
    shell("review", "pirate", "--keep", row["id"])
    assert listed()[2]["dropped"] == "identical"


def test_all_problems_of_a_command_are_said_at_once_and_nothing_is_decided(run: Run) -> None:
    row = listed()[2]["id"]
    done = shell("review", "pirate", "--keep", row, "--drop", row, "--swap", "nobody", "--undo", "nowhere")
    assert isinstance(done.exception, RunError)
    for said in ("nobody", "nowhere", "named twice"):
        assert said in str(done.exception)
    assert stands(run) == {}


def test_a_bulk_act_is_counted_first_done_at_once_and_taken_back_at_once(run: Run) -> None:
    ids = [row["id"] for row in listed()]
    decide(run.folder, Decision(ids[2], "edit", reviewer="Bo", text="Arr, by Bo."))
    assert last(shell("review", "pirate", "--all", "keep", "--dry-run", "--json"))["found"] == 8
    assert stands(run) == {ids[2]: "edit"}
    before = decisions(run.folder)
    told = last(
        shell("review", "pirate", "--all", "drop", "--reviewer", "Ann", "--reason", "dull", "--json")
    )
    assert told["decided"] == 8
    assert set(stands(run).values()) == {"drop"}
    decide(run.folder, Decision(ids[0], "keep", reviewer="Bo"))
    undone = last(shell("review", "pirate", "--undo-last", "--reviewer", "Ann", "--json"))
    assert (undone["restored"], undone["stayed"]) == (7, 1)
    assert decisions(run.folder)[ids[2]] == before[ids[2]]
    assert stands(run) == {ids[0]: "keep", ids[2]: "edit"}
    assert "nothing to take back" in shell("review", "pirate", "--undo-last", "--reviewer", "Ann").output


def test_keeping_all_that_a_filter_shows_leaves_edits_what_they_are(run: Run) -> None:
    pair = listed()[2]["id"]
    shell("review", "pirate", "--edit", pair, "--text", "Arr, mine!")
    shell("review", "pirate", "--all", "keep", "--show", "kept")
    assert listed()[2]["chosen"] == "Arr, mine!"
    assert stands(run)[pair] == "edit"
    assert len(stands(run)) == 6


def test_progress_says_how_many_whose_and_who_disagrees(run: Run) -> None:
    a, b = (row["id"] for row in listed()[2:4])
    shell("review", "pirate", "--keep", a, "--drop", b, "--reviewer", "Ann")
    shell("review", "pirate", "--drop", a, "--reviewer", "Bo")
    told = last(shell("review", "pirate", "--progress", "--json"))
    assert (told["pairs_in_all"], told["decided"], told["disputed"]) == (8, 2, 1)
    assert told["reviewers"] == {"Bo": 1, "Ann": 1}
    assert told["disagreements"] == {a: {"Ann": "keep", "Bo": "drop"}}
    assert "by Ann: 1" in shell("review", "pirate", "--progress").output


def test_a_character_without_pairs_says_how_to_make_them_and_makes_no_run() -> None:
    done = shell("review", "humor")
    assert "character teacher --constitution humor" in str(done.exception)
    assert not load_settings().runs_path.exists()


def test_a_terminal_is_not_moved_or_coloured_by_an_answer(run: Run) -> None:
    pair = listed()[2]["id"]
    shell("review", "pirate", "--edit", pair, "--text", "Arr\x1b[2J \u202eevil\u202c\x07!")
    shell("review", "pirate", "--drop", pair, "--reason", "\x1b]0;owned\x07", "--reviewer", "\x1b[31mAnn")
    for flags in (["--full"], ["--progress"], []):
        output = shell("review", "pirate", *flags).output
        assert not set(output) & set("\x1b\x07\u202e")


# ---- one pair at a time


def walk(keys: str, *flags: str, **more: Any) -> Result:
    return shell("review", "pirate", "--interactive", "--reviewer", "Ann", *flags, input=keys, **more)


def test_the_keys_keep_swap_drop_and_go_on(run: Run) -> None:
    ids = [row["id"] for row in listed()]
    done = walk("123q")
    assert done.exit_code == 0, done.output
    assert stands(run) == {ids[0]: "keep", ids[1]: "swap", ids[2]: "drop"}
    assert "4 of 8" in done.output
    assert "3 decided" in done.output


def test_undo_goes_back_to_the_pair_and_restores_its_former_word(run: Run) -> None:
    ids = [row["id"] for row in listed()]
    decide(run.folder, Decision(ids[1], "drop", "dull", "Bo", 7.0))
    walk("n1uuq")
    assert decisions(run.folder) == {ids[1]: Decision(ids[1], "drop", "dull", "Bo", 7.0)}


def test_next_previous_and_a_pair_that_leaves_the_filter_move_nothing(run: Run) -> None:
    ids = [row["id"] for row in listed("--show", "kept")]
    walk("np33q", "--show", "kept")
    assert stands(run) == {ids[0]: "drop", ids[1]: "drop"}


def test_a_reason_is_asked_for_with_r_and_other_keys_only_explain(run: Run) -> None:
    pair = listed()[0]["id"]
    done = walk("xrnot funny\nq")
    assert decisions(run.folder)[pair].reason == "not funny"
    assert done.output.count("1 keep · 2 swap") == 2


def test_e_opens_the_editor_and_an_unchanged_answer_decides_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[str | None] = [None, "Arr, edited!\n"]
    monkeypatch.setattr(click, "edit", lambda *words, **more: left.pop(0))
    done = walk("neeq")
    assert "Nothing was changed." in done.output
    assert [word.text for word in decisions(run.folder).values()] == ["Arr, edited!"]


def test_the_end_of_the_input_ends_the_walk_and_keeps_what_was_decided(run: Run) -> None:
    assert walk("1").exit_code == 0
    assert len(read_log(run.folder).acts) == 1


def test_a_filter_that_nothing_fits_says_so(run: Run) -> None:
    assert "No pair fits" in walk("1", "--search", "no such words").output


# ---- export


def test_export_takes_what_was_accepted_and_says_what_else_there_is(run: Run, tmp_path: Path) -> None:
    done = shell("export", "pairs", "pirate", "--to", "csv")
    assert "6 pass the checks: add --undecided" in str(done.exception)
    pair = listed()[2]["id"]
    shell("review", "pirate", "--edit", pair, "--text", "=1+1, arr!", "--reviewer", "Ann")
    told = last(shell("export", "pairs", "pirate", "--to", "csv", "--json"))
    assert (told["done"], told["counts"]) == (1, {"accepted": 1, "undecided": 5, "dropped": 2})
    (name,) = told["files"]
    assert '"\'=1+1, arr!"' in Path(name).read_text(encoding="utf-8-sig")
    output = tmp_path / "out.jsonl"
    shell("export", "pairs", "pirate", "--to", "trl", "--undecided", "--output", str(output))
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert len(rows) == 6
    assert rows[0]["chosen"][0]["content"] == "=1+1, arr!"


def test_a_dry_run_of_an_export_shows_three_and_writes_nothing(run: Run) -> None:
    done = shell("export", "pairs", "pirate", "--to", "trl", "--undecided", "--dry-run", "--json")
    assert last(done)["file"].startswith("pirate-6-pairs-trl-")
    assert len([line for line in done.stdout.splitlines() if line.startswith('{"prompt"')]) == 3
    assert not (load_settings().data_path / "exports").exists()
